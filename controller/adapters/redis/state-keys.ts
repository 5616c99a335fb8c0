/**
 * All keys of a unit carry its name as their hash tag, so that they lie in one slot of a cluster. What authors choose (keys of state, ids) is
 * never part of a key, only a field or a member within one: it cannot choose a slot, and a commit names twelve keys however much it writes.
 * A unit's name is `[a-z0-9.-]+`: the first brace of a key is ours.
 */
export interface UnitKeys {
  /** HASH: state key → value. */
  readonly state: string;
  /** HASH: state key → `<bytes of value>:<version>`. */
  readonly versions: string;
  /** ZSET of all state keys, score 0: their order is that of their bytes. */
  readonly index: string;
  /** ZSET: committed id → when its window ends, in ms. */
  readonly ids: string;
  /** HASH: committed id → stored answer, where there is one. */
  readonly answers: string;
  /** HASH: vb bytes of all values, ib bytes of all ids, ac when an operator accepted a rolled back store, in ms. */
  readonly figures: string;
  /** SET of the names of sources. */
  readonly sources: string;
}

export interface SourceKeys {
  /** HASH, see claim-script.ts. */
  readonly progress: string;
  /** STRING: bit i is set when offset b + i is done; absent when nothing above the frontier is. */
  readonly done: string;
  /** LIST of `<generation>.<counter>\0<payload>` in the order of commits. */
  readonly outbox: string;
  /** HASH: parked key → p (waits) or r (to run again). */
  readonly parkedKeys: string;
  /** ZSET, score 0, of `<sha1 of the key>:<offset, 16 digits>`: the parked events of a key in their order. */
  readonly parkedOrder: string;
  /** HASH: member of parkedOrder → entry. */
  readonly parkedEntries: string;
}

export function unitKeys(unit: string): UnitKeys {
  const key = (kind: string) => `faas:${kind}:{${unit}}`;
  return {
    state: key('st'),
    versions: key('vr'),
    index: key('ix'),
    ids: key('dx'),
    answers: key('da'),
    figures: key('un'),
    sources: key('sr'),
  };
}

export function sourceKeys(unit: string, source: string): SourceKeys {
  const key = (kind: string) => `faas:${kind}:{${unit}}:${source}`;
  return {
    progress: key('pr'),
    done: key('dn'),
    outbox: key('ob'),
    parkedKeys: key('pk'),
    parkedOrder: key('po'),
    parkedEntries: key('pe'),
  };
}

/** SET of the names of all units that have anything. */
export const unitsKey = 'faas:units';
