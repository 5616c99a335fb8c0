import type { Clock } from '../clock.ts';
import type { History, HistoryEntry } from '../ports/history.ts';
import type { LiveBoard } from './live-board.ts';
import type { LiveSnapshot } from './live-schema.ts';

/** Entries between two snapshots; above it the newest stay. */
const entriesMax = 200;

export interface LiveWish {
  readonly unit: string | undefined;
  readonly webhooks: boolean;
}

/**
 * Server-sent events for one page: `history` once, then a `snapshot` about each second, and `decision`, `log` and `webhook` entries as they are
 * written. A slow reader gets fewer snapshots, never a longer queue: only the latest one waits.
 */
export async function* watchLive(
  board: LiveBoard,
  { history, clock }: { readonly history: Pick<History, 'follow'>; readonly clock: Pick<Clock, 'after'> },
  wish: LiveWish,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const mail = new Mail();
  const stops = [board.watch(snapshot => mail.show(snapshot)), ...followWished(history, wish, mail)];
  signal.addEventListener('abort', () => mail.wake(), { once: true });
  try {
    yield eventOf('history', board.history());
    mail.show(await board.snapshot());
    while (!signal.aborted) {
      const { snapshot, entries } = mail.take();
      for (const { kind, id, atMs, unit, data } of entries) yield eventOf(kind, { id, atMs, unit, data });
      if (snapshot !== undefined) yield eventOf('snapshot', withPartitions(board, snapshot, wish.unit));
      await mail.wait(clock, signal);
    }
  } finally {
    for (const stop of stops) stop();
  }
}

function followWished(history: Pick<History, 'follow'>, { unit, webhooks }: LiveWish, mail: Mail): readonly (() => void)[] {
  const push = (entry: HistoryEntry) => mail.push(entry);
  const ofUnit = unit === undefined ? [] : [history.follow({ kind: 'decision', unit }, push), history.follow({ kind: 'log', unit }, push)];
  return webhooks ? [...ofUnit, history.follow({ kind: 'webhook' }, push)] : ofUnit;
}

function withPartitions(board: LiveBoard, snapshot: LiveSnapshot, unit: string | undefined): LiveSnapshot {
  return unit === undefined ? snapshot : { ...snapshot, partitions: [...board.partitions(unit)] };
}

function eventOf(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

class Mail {
  #snapshot: LiveSnapshot | undefined;
  #entries: HistoryEntry[] = [];
  #wake: () => void = () => {};

  show(snapshot: LiveSnapshot): void {
    this.#snapshot = snapshot;
    this.#wake();
  }

  push(entry: HistoryEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > entriesMax) this.#entries.shift();
  }

  take(): { readonly snapshot: LiveSnapshot | undefined; readonly entries: readonly HistoryEntry[] } {
    const taken = { snapshot: this.#snapshot, entries: this.#entries };
    this.#snapshot = undefined;
    this.#entries = [];
    return taken;
  }

  wake(): void {
    this.#wake();
  }

  /** Until there is a snapshot or the signal aborts. The board's turns are its clock; should they stop, a look now and then sees the signal. */
  async wait(clock: Pick<Clock, 'after'>, signal: AbortSignal): Promise<void> {
    if (this.#snapshot !== undefined || signal.aborted) return;
    await new Promise<void>(resolve => {
      const cancel = clock.after(5_000, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
