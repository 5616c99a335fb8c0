import { useEffect, useState } from 'preact/hooks';
import type { HistoryAnswer, HistoryItem } from '../api/contract.ts';
import { podsText } from '../api/figure-text.ts';
import { pathTo } from '../api/paths.ts';
import type { ScaleAnswer } from '../api/scale-schema.ts';
import { type FunctionName, get } from './api.ts';
import { age } from './figures.ts';
import { onEntry } from './live.ts';
import { useLoaded } from './loaded.ts';
import { At, Empty, Failure, Panel, Waiting } from './parts.tsx';
import { Explanation } from './why.tsx';

const keptMax = 200;
const shownMax = 40;

export interface Entries {
  readonly decisions: readonly HistoryItem[] | undefined;
  readonly logs: readonly HistoryItem[] | undefined;
}

/** What the history has of a function, newest first, and what is added to it. */
export function useEntries(unit: string): Entries {
  const [entries, setEntries] = useState<Entries>({ decisions: undefined, logs: undefined });
  useEffect(() => {
    const add = (kind: keyof Entries, more: readonly HistoryItem[]) =>
      setEntries(before => ({ ...before, [kind]: merged(more, before[kind] ?? []) }));
    const stop = onEntry((kind, entry) => {
      if (kind === 'decision') add('decisions', [entry]);
      if (kind === 'log' && isTrouble(entry)) add('logs', [entry]);
    });
    const read = (kind: keyof Entries, path: 'decisions' | 'logs', wanted: (entry: HistoryItem) => boolean) =>
      get<HistoryAnswer>(pathTo(path, {}, { unit, limit: 400 })).then(
        answer => add(kind, answer.entries.filter(wanted)),
        () => add(kind, []),
      );
    void read('decisions', 'decisions', () => true);
    void read('logs', 'logs', isTrouble);
    return stop;
  }, [unit]);
  return entries;
}

function isTrouble({ data }: HistoryItem): boolean {
  return data.level === 'error' || data.level === 'warn';
}

function merged(more: readonly HistoryItem[], before: readonly HistoryItem[]): readonly HistoryItem[] {
  const byId = new Map([...before, ...more].map(entry => [entry.id, entry]));
  return [...byId.values()].sort((a, b) => b.id - a.id).slice(0, keptMax);
}

/** Every decision with its reason; its arithmetic opens below it. */
export function Decisions({ name, entries: { decisions } }: { readonly name: FunctionName; readonly entries: Entries }) {
  const shown = decisions?.filter(({ data }) => data.what !== 'pod-start').slice(0, shownMax);
  return (
    <Panel title="Decisions" note="newest first">
      {shown === undefined && <Waiting lines={4} />}
      {shown?.length === 0 && <Empty title="Nothing had to be decided yet" />}
      {shown !== undefined && shown.length > 0 && (
        <ul class="log">
          {shown.map(entry => (
            <Decision key={entry.id} name={name} entry={entry} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Decision({ name, entry: { atMs, data } }: { readonly name: FunctionName; readonly entry: HistoryItem }) {
  const [isOpen, setOpen] = useState(false);
  const head = (
    <>
      <At atMs={atMs} />
      <span class="log-text">
        <strong>{headOf(data)}</strong> <span class="dim">{String(data.reason ?? data.message ?? '')}</span>
      </span>
    </>
  );
  if (data.what !== 'scale') return <li>{head}</li>;
  return (
    <li>
      <details onToggle={event => setOpen(event.currentTarget.open)}>
        <summary>{head}</summary>
        {isOpen && <Past name={name} atMs={atMs} />}
      </details>
    </li>
  );
}

/** The words of a past decision are not stored: the server computes them from its inputs. */
function Past({ name, atMs }: { readonly name: FunctionName; readonly atMs: number }) {
  const { value, error } = useLoaded(() => get<ScaleAnswer>(pathTo('scale', name, { atMs })), 600_000);
  if (value !== undefined) return <Explanation answer={value} />;
  return error === undefined ? <Waiting lines={3} /> : <Failure error={error} />;
}

function headOf(data: HistoryItem['data']): string {
  if (data.what === 'scale' && data.from === data.replicas) return `${podsText(Number(data.replicas))} kept`;
  if (data.what === 'scale') return `${String(data.from)} → ${podsText(Number(data.replicas))}`;
  if (data.what === 'pod-exit') return `Pod ${String(data.pod).slice(0, 8)} ended`;
  return String(data.what ?? data.decision ?? 'decision').replaceAll('-', ' ');
}

/** What handlers and the runtime complained about. */
export function Errors({ entries: { logs } }: { readonly entries: Entries }) {
  return (
    <Panel title="Recent errors" note="newest first">
      {logs === undefined && <Waiting lines={4} />}
      {logs?.length === 0 && <Empty title="No errors in the last day" />}
      {logs !== undefined && logs.length > 0 && (
        <ul class="log">
          {logs.slice(0, shownMax).map(({ id, atMs, data }) => (
            <li key={id}>
              <At atMs={atMs} />
              <span class="log-text">
                <span class={data.level === 'error' ? 'bad-text' : 'warn-text'}>{String(data.level)}</span> {String(data.message)}
                {data.eventId !== undefined && <span class="dim"> · event {String(data.eventId)}</span>}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

const phases = [
  ['bootMs', 'boot'],
  ['loadMs', 'load'],
  ['initMs', 'init'],
] as const;

/** How long the last pods took to become this function, phase by phase. */
export function ColdStarts({ entries: { decisions } }: { readonly entries: Entries }) {
  const starts = decisions?.filter(({ data }) => data.what === 'pod-start').slice(0, 12);
  const longest = Math.max(1, ...(starts ?? []).map(({ data }) => phases.reduce((sum, [name]) => sum + msOf(data[name]), 0)));
  return (
    <Panel
      title="Cold starts"
      note={
        <span class="phase-keys">
          {phases.map(([, name]) => (
            <span key={name} class={`phase-key ${name}`}>
              {name}
            </span>
          ))}
        </span>
      }
    >
      {starts === undefined && <Waiting lines={3} />}
      {starts?.length === 0 && <Empty title="No pod was started yet" />}
      {starts !== undefined && starts.length > 0 && (
        <ul class="log">
          {starts.map(({ id, atMs, data }) => (
            <Start key={id} atMs={atMs} data={data} longest={longest} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Start({ atMs, data, longest }: { readonly atMs: number; readonly data: HistoryItem['data']; readonly longest: number }) {
  let x = 0;
  const parts = phases.map(([name, phase]) => {
    const width = (msOf(data[name]) / longest) * 100;
    x += width;
    return { phase, x: x - width, width, ms: msOf(data[name]) };
  });
  return (
    <li class="start">
      <At atMs={atMs} />
      <svg class="phases" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        {parts.map(part => (
          <rect key={part.phase} class={part.phase} x={part.x} width={part.width} height="8" />
        ))}
      </svg>
      <span class="log-text">{parts.map(part => `${part.phase} ${age(part.ms)}`).join(', ')}</span>
    </li>
  );
}

function msOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
