/**
 * History: what happened, for people. Bounded by time and by bytes; losing its last second in a crash is allowed.
 *
 * Laws:
 * H1 entries of a kind are read in the order they were written, ids ascending.
 * H2 nothing older than the kind's age, and no more than its bytes, is kept; the oldest go first.
 * H3 `write` never blocks and never throws: what does not fit in its buffer is dropped and counted.
 */
export interface History {
  write(entry: NewHistoryEntry): void;
  /** Newest last. `afterId` reads on; without it, the last `limit` entries that match. */
  read(query: HistoryQuery): Promise<readonly HistoryEntry[]>;
  /** Calls back for each entry that matches and is written from now on, by any process that shares this history: when it can be read, at the latest. */
  follow(query: Pick<HistoryQuery, 'kind' | 'unit'>, onEntry: (entry: HistoryEntry) => void): () => void;
  /** Resolves when all that was written so far can be read. */
  flush(): Promise<void>;
  expire(nowMs: number): Promise<number>;
  dropped(): number;
  close(): Promise<void>;
}

/** decision: what the runtime decided, with inputs and reason. log: console output and ctx.log. webhook: accepted and refused deliveries. observation: samples. */
export type HistoryKind = 'decision' | 'log' | 'webhook' | 'observation';

export interface NewHistoryEntry {
  readonly kind: HistoryKind;
  readonly atMs: number;
  /** `<context>.<function>`, or '' for the server itself. */
  readonly unit: string;
  /** JSON value, ≤ 64 KiB when written. */
  readonly data: Readonly<Record<string, unknown>>;
}

export interface HistoryEntry extends NewHistoryEntry {
  readonly id: number;
}

export interface HistoryQuery {
  readonly kind: HistoryKind;
  readonly unit?: string;
  readonly afterId?: number;
  readonly sinceMs?: number;
  readonly limit: number;
}

/** Age and size kept per kind. */
export const historyBounds: Readonly<Record<HistoryKind, { ageMs: number; bytes: number }>> = {
  decision: { ageMs: 30 * 86_400_000, bytes: 64 * 2 ** 20 },
  log: { ageMs: 86_400_000, bytes: 64 * 2 ** 20 },
  observation: { ageMs: 86_400_000, bytes: 64 * 2 ** 20 },
  webhook: { ageMs: 7 * 86_400_000, bytes: 32 * 2 ** 20 },
};
