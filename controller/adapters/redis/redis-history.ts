import type { Clock } from '../../clock.ts';
import {
  type History,
  type HistoryEntry,
  type HistoryKind,
  type HistoryQuery,
  historyBounds,
  type NewHistoryEntry,
} from '../../ports/history.ts';
import { expireHistoryScript, writeHistoryScript } from './history-scripts.ts';
import { HistoryTail } from './history-tail.ts';
import type { RedisLinks } from './redis-links.ts';
import { asBuffers, asList, asNumber, asText } from './replies.ts';

const tag = 'history';
const streamKey = (kind: HistoryKind) => `faas:{history}:${kind}`;
const bytesKey = (kind: HistoryKind) => `faas:{history}:${kind}:bytes`;
const channel = 'faas:{history}';
const kinds: readonly HistoryKind[] = ['decision', 'log', 'webhook', 'observation'];

/** As the port says: the JSON of `data` when written. */
const entryBytesMax = 64 * 1024;
/** Waiting for the next flush at most; beyond it entries are dropped and counted. */
const bufferBytesMax = 4 * 2 ** 20;
const flushMs = 200;
/** Per script: it holds up everybody else. */
const writeEntriesMax = 100;
const expireEntriesMax = 100;
const readEntriesMax = 500;
/** An id is the time of its writing in ms times this, or the next one after the last. */
const idsPerMs = 1_000;

interface Waiting extends NewHistoryEntry {
  readonly id: number;
  readonly json: string;
}

/** History in one stream per kind, written about every 200 ms. Followers hear what any process writes, when it is written and in the order of the stream. */
export class RedisHistory implements History {
  readonly #links: RedisLinks;
  readonly #clock: Clock;
  readonly #tails: ReadonlyMap<HistoryKind, HistoryTail>;
  #followers = 0;
  #stopListening: (() => void) | undefined;
  #lastId = 0;
  #buffer: Waiting[] = [];
  /** Of what waits and what is being written. */
  #bufferBytes = 0;
  #flushingBytes = 0;
  #dropped = 0;
  #cancelFlush: (() => void) | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(options: { links: RedisLinks; clock: Clock }) {
    this.#links = options.links;
    this.#clock = options.clock;
    const tail = (kind: HistoryKind) =>
      new HistoryTail({
        lastId: async () => (await this.#page(kind, ['XREVRANGE', '+', '-'], 1))[0]?.id ?? 0,
        after: id => this.#page(kind, ['XRANGE', `(${id}`, '+']),
      });
    this.#tails = new Map(kinds.map(kind => [kind, tail(kind)]));
  }

  write(entry: NewHistoryEntry): void {
    const json = jsonOf(entry.data);
    const size = json === undefined ? Infinity : Buffer.byteLength(json);
    if (json === undefined || size > entryBytesMax || this.#bufferBytes + size > bufferBytesMax) {
      this.#dropped += 1;
      return;
    }
    this.#lastId = Math.max(this.#lastId + 1, this.#clock.now() * idsPerMs);
    this.#buffer.push({ ...entry, id: this.#lastId, json });
    this.#bufferBytes += size;
    this.#cancelFlush ??= this.#clock.after(flushMs, () => void this.flush());
  }

  async read(query: HistoryQuery): Promise<readonly HistoryEntry[]> {
    const { limit, unit, sinceMs = 0, afterId } = query;
    const matches = (entry: HistoryEntry) => (unit === undefined || entry.unit === unit) && entry.atMs >= sinceMs;
    const found: HistoryEntry[] = [];
    // Nothing that was written before a time happened after it.
    const from = afterId === undefined ? `${sinceMs * idsPerMs}` : `(${afterId}`;
    for (let at = afterId === undefined ? '+' : from; found.length < limit; ) {
      const page = await this.#page(query.kind, afterId === undefined ? ['XREVRANGE', at, from] : ['XRANGE', at, '+']);
      found.push(...page.filter(matches));
      const last = page.at(-1);
      if (last === undefined || page.length < readEntriesMax) break;
      at = `(${last.id}`;
    }
    const most = found.slice(0, limit);
    return afterId === undefined ? most.reverse() : most;
  }

  follow(query: Pick<HistoryQuery, 'kind' | 'unit'>, onEntry: (entry: HistoryEntry) => void): () => void {
    const tail = this.#tails.get(query.kind);
    if (tail === undefined) return () => {};
    const isWanted = (entry: HistoryEntry) => query.unit === undefined || entry.unit === query.unit;
    const leave = tail.follow(this.#lastId, entry => {
      if (isWanted(entry)) onEntry(entry);
    });
    this.#followers += 1;
    this.#stopListening ??= this.#links.listen(channel, () => {
      for (const one of this.#tails.values()) void one.pull();
    });
    return () => {
      if (!leave()) return;
      this.#followers -= 1;
      if (this.#followers > 0) return;
      this.#stopListening?.();
      this.#stopListening = undefined;
    };
  }

  /** What cannot be written is dropped and counted: history never holds up anything. */
  flush(): Promise<void> {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    const entries = this.#buffer;
    const bytes = this.#bufferBytes - this.#flushingBytes;
    if (entries.length === 0) return this.#flushing;
    this.#buffer = [];
    this.#flushingBytes += bytes;
    this.#flushing = this.#flushing
      .then(() => this.#store(entries))
      .then(() => {
        this.#bufferBytes -= bytes;
        this.#flushingBytes -= bytes;
      });
    return this.#flushing;
  }

  async expire(nowMs: number): Promise<number> {
    const link = await this.#links.of(tag);
    let removed = 0;
    for (const kind of kinds) {
      const { ageMs, bytes } = historyBounds[kind];
      for (let gone = expireEntriesMax; gone === expireEntriesMax; removed += gone) {
        gone = asNumber(await link.run(expireHistoryScript, [streamKey(kind), bytesKey(kind)], [nowMs - ageMs, bytes, expireEntriesMax]));
      }
    }
    return removed;
  }

  dropped(): number {
    return this.#dropped;
  }

  /** Writes what is buffered. */
  async close(): Promise<void> {
    await this.flush();
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  async #store(entries: readonly Waiting[]): Promise<void> {
    for (const kind of kinds) {
      const ofKind = entries.filter(entry => entry.kind === kind);
      for (let at = 0; at < ofKind.length; at += writeEntriesMax) {
        const part = ofKind.slice(at, at + writeEntriesMax);
        try {
          const link = await this.#links.of(tag);
          const args = [channel, ...part.flatMap(({ id, atMs, unit, json }) => [id, atMs, unit, json])];
          await link.run(writeHistoryScript, [streamKey(kind), bytesKey(kind)], args);
          await this.#tails.get(kind)?.pull();
        } catch {
          this.#dropped += part.length;
        }
      }
    }
  }

  async #page(
    kind: HistoryKind,
    [command, from, to]: readonly [command: string, from: string, to: string],
    count = readEntriesMax,
  ): Promise<readonly HistoryEntry[]> {
    const link = await this.#links.of(tag);
    const entries = asList(await link.command(command, streamKey(kind), from, to, 'COUNT', count));
    return entries.map(entry => {
      const [id, fields] = asList(entry);
      const [, atMs, , unit, , data] = asBuffers(fields).map(String);
      return { id: Number.parseInt(asText(id), 10), kind, atMs: Number(atMs), unit: unit ?? '', data: JSON.parse(data ?? '{}') };
    });
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
