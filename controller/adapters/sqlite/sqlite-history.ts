import type { Clock } from '../../clock.ts';
import type { History, HistoryEntry, HistoryQuery, NewHistoryEntry } from '../../ports/history.ts';
import type { StoredHistoryEntry } from './operations.ts';
import type { SqliteClient } from './sqlite-client.ts';

/** As the port says: the JSON of `data` when written. */
const entryBytesMax = 64 * 1024;
/** Waiting for the next flush at most; beyond it entries are dropped and counted. */
const bufferBytesMax = 4 * 2 ** 20;
const flushMs = 200;

/** History, buffered: entries are written about every 200 ms, in whatever transaction runs then. */
export class SqliteHistory implements History {
  readonly #client: SqliteClient;
  readonly #clock: Clock;
  readonly #followers = new Set<(entry: HistoryEntry) => void>();
  #lastId: number;
  #buffer: StoredHistoryEntry[] = [];
  #bufferBytes = 0;
  #dropped = 0;
  #cancelFlush: (() => void) | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(options: { client: SqliteClient; clock: Clock; lastId: number }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#lastId = options.lastId;
  }

  write(entry: NewHistoryEntry): void {
    const data = jsonOf(entry.data);
    const size = data === undefined ? Infinity : Buffer.byteLength(data);
    if (data === undefined || size > entryBytesMax || this.#bufferBytes + size > bufferBytesMax) {
      this.#dropped += 1;
      return;
    }
    this.#lastId += 1;
    this.#buffer.push({ id: this.#lastId, kind: entry.kind, unit: entry.unit, atMs: entry.atMs, data });
    this.#bufferBytes += size;
    this.#cancelFlush ??= this.#clock.after(flushMs, () => void this.flush());
    for (const onEntry of this.#followers) onEntry({ ...entry, id: this.#lastId });
  }

  async read(query: HistoryQuery): Promise<readonly HistoryEntry[]> {
    const entries = await this.#client.request('readHistory', query);
    return entries.map(entry => ({ ...entry, kind: query.kind, data: JSON.parse(entry.data) as Record<string, unknown> }));
  }

  follow(query: Pick<HistoryQuery, 'kind' | 'unit'>, onEntry: (entry: HistoryEntry) => void): () => void {
    const follower = (entry: HistoryEntry) => {
      if (entry.kind === query.kind && (query.unit === undefined || entry.unit === query.unit)) onEntry(entry);
    };
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  /** What cannot be written (a full disk) is dropped and counted: history never holds up anything. */
  flush(): Promise<void> {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    const entries = this.#buffer;
    const bytes = this.#bufferBytes;
    if (entries.length === 0) return this.#flushing;
    this.#buffer = [];
    this.#flushing = this.#client
      .request('writeHistory', entries)
      .catch(() => {
        this.#dropped += entries.length;
      })
      .then(() => {
        this.#bufferBytes -= bytes;
      });
    return this.#flushing;
  }

  async expire(nowMs: number): Promise<number> {
    let removed = 0;
    for (let more = true; more; ) {
      const step = await this.#client.request('expireHistory', nowMs);
      removed += step.removed;
      more = step.more;
    }
    return removed;
  }

  dropped(): number {
    return this.#dropped;
  }

  /** Writes what is buffered. */
  async close(): Promise<void> {
    this.#followers.clear();
    await this.flush();
  }
}

/** undefined: not JSON (a cycle, a BigInt, a getter that throws). */
function jsonOf(data: NewHistoryEntry['data']): string | undefined {
  try {
    return JSON.stringify(data);
  } catch {
    return undefined;
  }
}
