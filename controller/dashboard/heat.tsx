import { useEffect, useRef } from 'preact/hooks';
import type { LivePartition } from '../api/live-schema.ts';
import { shade } from './browser.ts';
import { age, count } from './figures.ts';
import { figuresAtMs, partitions } from './live.ts';
import { Empty, Panel, Scroll, Waiting } from './parts.tsx';

const columns = 60;
const cellWidth = 3;
const rowHeight = 14;
const rowsMax = 64;

/** The lag of each partition, a column per second: who is behind, since when, and who reads it. */
export function Heat() {
  const past = usePast();
  const now = partitions.value;
  const shown =
    now && [...now].sort((a, b) => (b.backlogEvents ?? 0) - (a.backlogEvents ?? 0) || nameOf(a).localeCompare(nameOf(b))).slice(0, rowsMax);
  const top = Math.max(10, ...[...past.values()].flatMap(values => values.map(value => value ?? 0)));
  return (
    <Panel title="Partitions" note="waiting events, the last minute; most first">
      {now === undefined && <Waiting lines={4} />}
      {now?.length === 0 && <Empty title="No partition is read at the moment" />}
      {shown !== undefined && shown.length > 0 && (
        <Scroll label="Lag of each partition">
          <table class="plain heat">
            <thead>
              <tr>
                <th scope="col">Partition</th>
                <th scope="col">Lag</th>
                <th scope="col" class="number">
                  Waiting
                </th>
                <th scope="col" class="number">
                  Oldest
                </th>
                <th scope="col">Owner</th>
              </tr>
            </thead>
            <tbody>
              {shown.map(one => (
                <tr key={nameOf(one)}>
                  <th scope="row">{shortName(one)}</th>
                  <td>
                    <Strip values={past.get(nameOf(one)) ?? []} top={top} />
                  </td>
                  <td class="number">{count(one.backlogEvents)}</td>
                  <td class="number">{age(one.oldestAgeMs)}</td>
                  <td class="dim">{one.owner ?? 'nobody'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {now !== undefined && now.length > rowsMax && <p class="note">and {now.length - rowsMax} partitions with less</p>}
    </Panel>
  );
}

/** Drawn on a canvas: sixty cells per row would be thousands of elements. */
function Strip({ values, top }: { readonly values: readonly (number | null)[]; readonly top: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const pen = canvas.current?.getContext('2d');
    if (canvas.current === null || pen == null) return;
    const style = getComputedStyle(canvas.current);
    pen.clearRect(0, 0, columns * cellWidth, rowHeight);
    for (const [index, value] of values.entries()) {
      const share = value === null ? 0 : Math.log1p(value) / Math.log1p(top);
      pen.globalAlpha = value === null ? 0.05 : 0.1 + 0.9 * share;
      pen.fillStyle = style.getPropertyValue(share > 0.75 ? '--bad' : share > 0.4 ? '--warn' : '--accent');
      pen.fillRect((columns - values.length + index) * cellWidth, 0, cellWidth, rowHeight);
    }
  }, [values, values.length, values.at(-1), figuresAtMs.value, top, shade.value]);
  return <canvas ref={canvas} width={columns * cellWidth} height={rowHeight} class="strip" />;
}

function usePast(): ReadonlyMap<string, readonly (number | null)[]> {
  const past = useRef(new Map<string, (number | null)[]>());
  const takenAtMs = useRef(0);
  const atMs = figuresAtMs.value;
  if (partitions.value !== undefined && atMs !== takenAtMs.current) {
    takenAtMs.current = atMs;
    for (const one of partitions.value) {
      const values = past.current.get(nameOf(one)) ?? [];
      past.current.set(nameOf(one), [...values, one.backlogEvents ?? null].slice(-columns));
    }
  }
  return past.current;
}

function nameOf({ topic, partition }: LivePartition): string {
  return `${topic}.${partition}`;
}

function shortName({ topic, partition }: LivePartition): string {
  return `${topic.startsWith('faas.') && topic.endsWith('.inbox') ? 'inbox' : topic} ${partition}`;
}
