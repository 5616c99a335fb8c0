/** Values with units, as the manifest writes them: durations in milliseconds, sizes in bytes, CPU in thousandths of a core. */
export const durationPattern = '^(0|[1-9][0-9]{0,14})(ms|s|m|h|d)$';
export const sizePattern = '^(0|[1-9][0-9]{0,14})(|Ki|Mi|Gi)$';
export const cpuPattern = '^([1-9][0-9]{0,5}m|[1-9][0-9]{0,2}|0\\.(?!0+$)[0-9]{1,3}|[1-9][0-9]{0,2}\\.[0-9]{1,3})$';
export const durationRangePattern = `${durationPattern.slice(0, -1)}(\\.\\.${durationPattern.slice(1, -1)})?$`;

const durationUnits = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

const sizeUnits = [
  ['Gi', 1_073_741_824],
  ['Mi', 1_048_576],
  ['Ki', 1_024],
  ['', 1],
] as const;

/** `200ms`, `30s`, `10m`, `6h`, `7d` → milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  return parseUnits(text, durationPattern, durationUnits);
}

/** The largest unit without a remainder. */
export function printDuration(durationMs: number): string {
  return printUnits(durationMs, durationUnits);
}

/** `512`, `64Ki`, `256Mi`, `1Gi` → bytes. */
export function parseSize(text: string): number | undefined {
  return parseUnits(text, sizePattern, sizeUnits);
}

export function printSize(bytes: number): string {
  return printUnits(bytes, sizeUnits);
}

/** `500m`, `2`, `0.5` → thousandths of a core. */
export function parseCpu(text: string): number | undefined {
  if (!new RegExp(cpuPattern).test(text)) return undefined;
  return text.endsWith('m') ? Number(text.slice(0, -1)) : Math.round(Number(text) * 1000);
}

export function printCpu(cpuMillis: number): string {
  return cpuMillis % 1000 === 0 ? String(cpuMillis / 1000) : `${cpuMillis}m`;
}

/** `200ms..30s`, or one duration that is both ends. */
export function parseDurationRange(text: string): { readonly min: number; readonly max: number } | undefined {
  const [first = '', second = first, ...rest] = text.split('..');
  const min = parseDuration(first);
  const max = parseDuration(second);
  return min === undefined || max === undefined || rest.length > 0 ? undefined : { min, max };
}

export function printDurationRange(range: { readonly min: number; readonly max: number }): string {
  return range.min === range.max ? printDuration(range.min) : `${printDuration(range.min)}..${printDuration(range.max)}`;
}

type Units = readonly (readonly [string, number])[];

function parseUnits(text: string, pattern: string, units: Units): number | undefined {
  const match = new RegExp(pattern).exec(text);
  const factor = units.find(([unit]) => unit === match?.[2])?.[1];
  if (match === null || factor === undefined) return undefined;
  const value = Number(match[1]) * factor;
  return Number.isSafeInteger(value) ? value : undefined;
}

function printUnits(value: number, units: Units): string {
  const [unit, factor] = units.find(([, size]) => value !== 0 && value % size === 0) ?? units[units.length - 1] ?? ['', 1];
  return `${value / factor}${unit}`;
}
