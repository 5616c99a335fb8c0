import {
  type History,
  type HistoryEntry,
  type HistoryKind,
  type HistoryQuery,
  historyBounds,
  type NewHistoryEntry,
} from '../../ports/history.ts';

/** The executable spec of history: entries can be read as soon as they are written. */
export class MemoryHistory implements History {
  readonly #entries = new Map<HistoryKind, HistoryEntry[]>();
  readonly #followers = new Set<(entry: HistoryEntry) => void>();
  #lastId = 0;
  #dropped = 0;

  write(entry: NewHistoryEntry): void {
    if (!isSmallJson(entry.data)) {
      this.#dropped += 1;
      return;
    }
    this.#lastId += 1;
    const written = { ...entry, id: this.#lastId };
    this.#of(entry.kind).push(written);
    for (const onEntry of this.#followers) onEntry(written);
  }

  async read(query: HistoryQuery): Promise<readonly HistoryEntry[]> {
    const matching = this.#of(query.kind).filter(
      entry =>
        (query.unit === undefined || entry.unit === query.unit) &&
        (query.sinceMs === undefined || entry.atMs >= query.sinceMs) &&
        (query.afterId === undefined || entry.id > query.afterId),
    );
    return query.afterId === undefined ? matching.slice(Math.max(0, matching.length - query.limit)) : matching.slice(0, query.limit);
  }

  follow(query: Pick<HistoryQuery, 'kind' | 'unit'>, onEntry: (entry: HistoryEntry) => void): () => void {
    const follower = (entry: HistoryEntry) => {
      if (entry.kind === query.kind && (query.unit === undefined || entry.unit === query.unit)) onEntry(entry);
    };
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  async flush(): Promise<void> {}

  async expire(nowMs: number): Promise<number> {
    let removed = 0;
    for (const [kind, entries] of this.#entries) {
      let bytes = entries.reduce((sum, entry) => sum + bytesOf(entry), 0);
      const kept = entries.filter(entry => {
        if (entry.atMs >= nowMs - historyBounds[kind].ageMs && bytes <= historyBounds[kind].bytes) return true;
        bytes -= bytesOf(entry);
        return false;
      });
      removed += entries.length - kept.length;
      this.#entries.set(kind, kept);
    }
    return removed;
  }

  dropped(): number {
    return this.#dropped;
  }

  async close(): Promise<void> {
    this.#followers.clear();
  }

  #of(kind: HistoryKind): HistoryEntry[] {
    const entries = this.#entries.get(kind) ?? [];
    this.#entries.set(kind, entries);
    return entries;
  }
}

/** As the port says: the JSON of `data` when written. */
const entryBytesMax = 64 * 1024;

function isSmallJson(data: NewHistoryEntry['data']): boolean {
  try {
    return Buffer.byteLength(JSON.stringify(data)) <= entryBytesMax;
  } catch {
    return false;
  }
}

function bytesOf(entry: NewHistoryEntry): number {
  return Buffer.byteLength(JSON.stringify(entry.data));
}
