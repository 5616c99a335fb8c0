import type { Claimed, CommitRequest, Source, StateStore } from '../../controller/ports/state.ts';

export const firstSource: Source = { unit: 'shop.totals', name: 'orders.0' };

export function claimedBy(state: StateStore, ownerToken: string, source = firstSource): Promise<Claimed> {
  return state.claim(source, { ownerToken, nowMs: Date.now(), committedOffset: 0, brokerGeneration: 0 });
}

/** A commit that handles the offset `done`. */
export function commitOf(ownerToken: string, ordinal: number, done = 0): CommitRequest {
  return {
    ownerToken,
    ordinal,
    id: `${ownerToken}-${ordinal}`,
    stream: 'shop.totals|orders.0',
    highSeqOffset: 0,
    highSeqs: [],
    done: [[done, done + 1]],
    clearAttempts: [],
    ids: [],
    knownIds: [],
    reads: [],
    writes: [],
    emits: [],
  };
}
