import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { shade, zone } from './browser.ts';
import { type Measured, topOf } from './chart-top.ts';
import { clockOf } from './figures.ts';

export interface Line extends Measured {
  readonly name: string;
  /** A custom property of the style sheet, so that light and dark are decided in one place. */
  readonly colour: string;
  readonly dashed?: boolean;
}

export interface ChartProps {
  /** What it shows, for those who do not see it. */
  readonly label: string;
  readonly atMs: readonly number[];
  readonly lines: readonly Line[];
  /** Each line lies on the one before, and the area between is filled. */
  readonly stacked?: boolean;
  readonly text: (value: number) => string;
}

const height = 190;

/** A chart over time that keeps its size while its figures move. */
export function Chart(props: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const names = props.lines.map(line => line.name).join();
  const top = useRef(1);
  top.current = props.stacked === true ? 0 : topOf(props.lines);
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const made = new uPlot(
      optionsOf(props, element, () => top.current),
      dataOf(props),
      element,
    );
    plot.current = made;
    const fit = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    fit.observe(element);
    return () => {
      fit.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [names, shade.value, zone.value]);
  useEffect(() => plot.current?.setData(dataOf(props)));
  return (
    <figure class="chart">
      <div
        ref={host}
        class="chart-host"
        role="img"
        aria-label={`${props.label}. ${props.lines.map(line => lastOf(line, props.text, top.current)).join(', ')}`}
      />
      <figcaption>
        {props.lines.map(line => (
          <span key={line.name} class="key">
            <svg width="14" height="8" aria-hidden="true">
              <line class={`key-${line.colour}`} x1="0" y1="4" x2="14" y2="4" stroke-dasharray={line.dashed ? '4 3' : undefined} />
            </svg>
            {lastOf(line, props.text, top.current)}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function lastOf({ name, values, mayLeave }: Line, text: (value: number) => string, top: number): string {
  const last = values.at(-1);
  if (last == null) return `${name} not known`;
  return `${name} ${text(last)}${mayLeave === true && last > top ? ', above the picture' : ''}`;
}

/** Stacked lines are drawn from the top of the pile down, each over the one before: what is seen of it is its share. */
function dataOf({ atMs, lines, stacked }: ChartProps): uPlot.AlignedData {
  const times = atMs.map(ms => ms / 1_000);
  if (stacked !== true) return [times, ...lines.map(line => [...line.values])];
  const sums = times.map(() => 0);
  const piled = lines.map(({ values }) =>
    values.map((value, index) => {
      sums[index] = (sums[index] ?? 0) + (value ?? 0);
      return value === null ? null : (sums[index] ?? 0);
    }),
  );
  return [times, ...piled.reverse()];
}

/** `top`: where the axis ends; 0: as high as the pile is. */
function optionsOf({ lines, stacked, text }: ChartProps, element: HTMLElement, top: () => number): uPlot.Options {
  const colour = (name: string) => getComputedStyle(element).getPropertyValue(`--${name}`).trim() || '#888';
  const axis: uPlot.Axis = {
    stroke: () => colour('dim'),
    grid: { stroke: () => colour('line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  };
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    padding: [10, 26, 0, 0],
    scales: { y: { range: (_, __, max) => [0, top() || topOf([{ values: [max] }])] } },
    axes: [
      { ...axis, size: 28, space: 84, values: (_, ticks) => ticks.map(tick => clockOf(tick * 1_000, zone.value)) },
      { ...axis, size: 58, space: 34, values: (_, ticks) => ticks.map(tick => text(tick)) },
    ],
    series: [{}, ...(stacked === true ? [...lines].reverse() : lines).map(line => seriesOf(line, colour, stacked === true))],
  };
}

function steps(): Pick<uPlot.Series, 'paths'> {
  const paths = uPlot.paths.stepped?.({ align: 1 });
  return paths === undefined ? {} : { paths };
}

function seriesOf(line: Line, colour: (name: string) => string, isStacked: boolean): uPlot.Series {
  return {
    label: line.name,
    stroke: () => colour(line.colour),
    width: 1.8,
    points: { show: false },
    ...(line.dashed === true && { dash: [5, 4] }),
    ...(isStacked && { fill: () => colour(line.colour), ...steps() }),
  };
}
