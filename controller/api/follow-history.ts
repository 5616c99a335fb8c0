import type { Clock } from '../clock.ts';
import type { History, HistoryEntry, HistoryQuery } from '../ports/history.ts';

/** Entries that wait for a slow reader; above it the oldest are dropped, and the reader is told how many. */
const waitingMax = 1_000;
/** A comment now and then keeps proxies from closing the connection. */
const heartbeatMs = 15_000;

/**
 * Server-sent events: what matches now, then each new entry, once each and in order. Ends with the signal. `id:` lets a reader that comes
 * back go on where it was.
 */
export async function* followHistory(
  { history, clock }: { readonly history: Pick<History, 'read' | 'follow'>; readonly clock: Pick<Clock, 'after'> },
  query: HistoryQuery,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const tail = new Tail();
  // Followed before it is read: what is written in between is seen twice rather than never, and the ids tell.
  const stop = history.follow({ kind: query.kind, ...(query.unit !== undefined && { unit: query.unit }) }, entry => tail.push(entry));
  signal.addEventListener('abort', () => tail.wake(), { once: true });
  let lastId = query.afterId ?? 0;
  try {
    yield ': connected\n\n';
    for await (const entry of backlog(history, query)) {
      lastId = entry.id;
      yield eventOf(entry);
    }
    while (!signal.aborted) {
      const { entries, dropped } = tail.take();
      if (dropped > 0) yield `: ${dropped} entries dropped, the reader is too slow\n\n`;
      for (const entry of entries) if (entry.id > lastId) yield eventOf(entry);
      lastId = Math.max(lastId, entries.at(-1)?.id ?? 0);
      if ((await tail.wait(clock, signal)) === 'nothing') yield ': still here\n\n';
    }
  } finally {
    stop();
  }
}

/** Without an id the last `limit` entries, with one all that came after it. */
async function* backlog(history: Pick<History, 'read'>, query: HistoryQuery): AsyncGenerator<HistoryEntry> {
  let page = await history.read(query);
  yield* page;
  while (query.afterId !== undefined && page.length === query.limit) {
    page = await history.read({ ...query, afterId: page.at(-1)?.id ?? 0 });
    yield* page;
  }
}

function eventOf({ id, atMs, unit, data }: HistoryEntry): string {
  return `id: ${id}\ndata: ${JSON.stringify({ id, atMs, unit, data })}\n\n`;
}

class Tail {
  #entries: HistoryEntry[] = [];
  #dropped = 0;
  #wake: () => void = () => {};

  push(entry: HistoryEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > waitingMax) {
      this.#entries.shift();
      this.#dropped += 1;
    }
    this.#wake();
  }

  take(): { readonly entries: readonly HistoryEntry[]; readonly dropped: number } {
    const taken = { entries: this.#entries, dropped: this.#dropped };
    this.#entries = [];
    this.#dropped = 0;
    return taken;
  }

  wake(): void {
    this.#wake();
  }

  /** Until there is something to take, the signal aborts, or it is time for a sign of life. */
  async wait(clock: Pick<Clock, 'after'>, signal: AbortSignal): Promise<'something' | 'nothing'> {
    if (this.#entries.length > 0 || signal.aborted) return 'something';
    return new Promise(resolve => {
      const cancel = clock.after(heartbeatMs, () => resolve('nothing'));
      this.#wake = () => {
        cancel();
        resolve('something');
      };
    });
  }
}
