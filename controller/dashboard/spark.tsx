import { spark } from './live.ts';

const width = 96;
const height = 24;
const points = 60;

/** The last minutes of a rate as a line; decoration beside the figure itself. */
export function Spark({ unit }: { readonly unit: string }) {
  const path = pathOf(spark(unit).value);
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
      <path class="spark-area" d={path === '' ? '' : `${path}V${height}H${startOf(spark(unit).value)}Z`} />
      <path class="spark-line" d={path} />
    </svg>
  );
}

function startOf(values: readonly (number | null)[]): number {
  return xOf(
    values.findIndex(value => value !== null),
    values.length,
  );
}

function xOf(index: number, length: number): number {
  return Math.round(((points - length + index) / (points - 1)) * width * 10) / 10;
}

function pathOf(values: readonly (number | null)[]): string {
  const top = Math.max(1, ...values.map(value => value ?? 0));
  const steps: string[] = [];
  for (const [index, value] of values.entries()) {
    if (value === null) continue;
    const y = Math.round((height - 2 - (value / top) * (height - 5)) * 10) / 10;
    steps.push(`${steps.length === 0 ? 'M' : 'L'}${xOf(index, values.length)} ${y}`);
  }
  return steps.length < 2 ? '' : steps.join('');
}
