import { useEffect, useRef, useState } from 'preact/hooks';
import type { LiveFunction, SeriesAnswer } from '../api/live-schema.ts';
import { pathTo } from '../api/paths.ts';
import { get } from './api.ts';
import { Chart, type Line } from './chart.tsx';
import { age, count, perSecond } from './figures.ts';
import { connection, figuresAtMs } from './live.ts';
import { Panel } from './parts.tsx';

type Point = Omit<SeriesAnswer, 'atMs' | 'stepMs'>;
type Names = keyof Point;

const names: readonly Names[] = [
  'arrivalRate',
  'finishedRate',
  'capacityRate',
  'oldestAgeMs',
  'backlogEvents',
  'ready',
  'starting',
  'draining',
];
const pointsMax = 400;

interface Past {
  readonly atMs: number[];
  readonly values: Record<Names, (number | null)[]>;
}

/** Age against its bound, arrivals against capacity, pods: of the last quarter of an hour, and on with each second. */
export function Charts({ unit, one }: { readonly unit: string; readonly one: LiveFunction | undefined }) {
  const past = usePast(unit, one);
  const { atMs, values } = past;
  const bound: Line = { name: 'bound', colour: 'bad', dashed: true, values: atMs.map(() => one?.maxAgeMs ?? null) };
  return (
    <div class="charts">
      <Panel title="Age of the oldest event">
        <Chart
          label="Age of the oldest unfinished event against its bound"
          atMs={atMs}
          text={age}
          lines={[{ name: 'age', colour: 'accent', values: values.oldestAgeMs }, bound]}
        />
      </Panel>
      <Panel title="Arrivals and capacity">
        <Chart
          label="Events per second"
          atMs={atMs}
          text={perSecond}
          lines={[
            { name: 'capacity', colour: 'violet', dashed: true, mayLeave: true, values: values.capacityRate },
            { name: 'arriving', colour: 'accent', values: values.arrivalRate },
            { name: 'finished', colour: 'good', values: values.finishedRate },
          ]}
        />
      </Panel>
      <Panel title="Pods">
        <Chart
          label="Pods by state"
          stacked
          atMs={atMs}
          text={count}
          lines={[
            { name: 'ready', colour: 'good', values: values.ready },
            { name: 'starting', colour: 'accent', values: values.starting },
            { name: 'draining', colour: 'violet', values: values.draining },
          ]}
        />
      </Panel>
    </div>
  );
}

/** The server's points, then one per snapshot; read again after a lost connection, so that the gap is filled. */
function usePast(unit: string, one: LiveFunction | undefined): Past {
  const [, redraw] = useState(0);
  const past = useRef<Past>({ atMs: [], values: emptyValues() });
  const isLive = connection.value.kind === 'live';
  useEffect(() => {
    const dot = unit.indexOf('.');
    const path = pathTo('series', { context: unit.slice(0, dot), function: unit.slice(dot + 1) });
    get<SeriesAnswer>(path).then(
      answer => {
        past.current = pastOf(answer);
        redraw(turn => turn + 1);
      },
      () => undefined,
    );
  }, [unit, isLive]);
  const atMs = figuresAtMs.value;
  const last = past.current.atMs.at(-1) ?? 0;
  if (one !== undefined && isLive && atMs > last) addPoint(past.current, one, atMs);
  return past.current;
}

function pastOf(answer: SeriesAnswer): Past {
  const { atMs, stepMs, ...values } = answer;
  const length = values.ready.length;
  return { atMs: Array.from({ length }, (_, index) => atMs - (length - 1 - index) * stepMs), values };
}

function addPoint({ atMs, values }: Past, one: LiveFunction, now: number): void {
  const { pods, arrivalRate, finishedRate, capacityRate, oldestAgeMs, backlogEvents } = one;
  const ageMs = oldestAgeMs ?? (backlogEvents === undefined ? undefined : 0);
  const point: Readonly<Record<Names, number | undefined>> = {
    arrivalRate,
    finishedRate,
    capacityRate,
    oldestAgeMs: ageMs,
    backlogEvents,
    ...pods,
  };
  atMs.push(now);
  for (const name of names) values[name].push(point[name] ?? null);
  if (atMs.length <= pointsMax) return;
  atMs.shift();
  for (const name of names) values[name].shift();
}

function emptyValues(): Past['values'] {
  return { arrivalRate: [], finishedRate: [], capacityRate: [], oldestAgeMs: [], backlogEvents: [], ready: [], starting: [], draining: [] };
}
