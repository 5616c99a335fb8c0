import type { TopicPartition } from '../../ports/streams.ts';
import { keyOf } from './fetch-request.ts';

/** A member as it presents itself when it joins. */
export interface Candidate {
  readonly memberId: string;
  readonly topics: readonly string[];
  readonly owned: readonly TopicPartition[];
  /** Of the assignment that `owned` comes from: an older one may have been given to others since. */
  readonly generation: number;
}

/**
 * Who gets what. Partitions of a topic are shared as evenly as whole ones can be among those who read it, and as few as possible change hands. One that
 * does is given to nobody in this round: its owner lets go of it first and joins again, so that a partition never has two owners, and all
 * others go on meanwhile.
 */
export function assignPartitions(
  candidates: readonly Candidate[],
  partitionsOf: (topic: string) => number,
): ReadonlyMap<string, readonly TopicPartition[]> {
  const members = candidates.toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const owners = ownersOf(members);
  const assigned = new Map<string, TopicPartition[]>(members.map(({ memberId }) => [memberId, []]));
  for (const topic of [...new Set(members.flatMap(({ topics }) => topics))].sort()) {
    const readers = members.filter(({ topics }) => topics.includes(topic)).map(({ memberId }) => memberId);
    for (const [memberId, partitions] of shareTopic(topic, partitionsOf(topic), readers, owners, assigned)) {
      for (const partition of partitions) {
        const owner = owners.get(keyOf(topic, partition));
        if (owner === undefined || owner === memberId) assigned.get(memberId)?.push({ topic, partition });
      }
    }
  }
  return assigned;
}

/** The latest claim counts; two claims of the same generation cannot be, and neither counts. */
function ownersOf(members: readonly Candidate[]): ReadonlyMap<string, string> {
  const owners = new Map<string, { readonly memberId: string; readonly generation: number; readonly isClear: boolean }>();
  for (const { memberId, owned, generation } of members) {
    for (const { topic, partition } of owned) {
      const key = keyOf(topic, partition);
      const before = owners.get(key);
      if (before === undefined || before.generation < generation) owners.set(key, { memberId, generation, isClear: true });
      else if (before.generation === generation) owners.set(key, { ...before, isClear: false });
    }
  }
  return new Map([...owners].flatMap(([key, { memberId, isClear }]) => (isClear ? [[key, memberId] as const] : [])));
}

function shareTopic(
  topic: string,
  count: number,
  readers: readonly string[],
  owners: ReadonlyMap<string, string>,
  assigned: ReadonlyMap<string, readonly TopicPartition[]>,
): ReadonlyMap<string, readonly number[]> {
  const shares = new Map<string, number[]>(readers.map(memberId => [memberId, []]));
  const free: number[] = [];
  for (let partition = 0; partition < count; partition += 1) {
    const share = shares.get(owners.get(keyOf(topic, partition)) ?? '');
    if (share === undefined) free.push(partition);
    else share.push(partition);
  }
  const least = Math.floor(count / readers.length);
  // Those who have most keep one more, where it does not come out even.
  let larger = count % readers.length;
  for (const memberId of readers.toSorted((a, b) => sizeOf(shares.get(b)) - sizeOf(shares.get(a)))) {
    const share = shares.get(memberId) ?? [];
    const most = sizeOf(share) > least && larger > 0 ? least + 1 : least;
    if (most > least) larger -= 1;
    free.push(...share.splice(most));
  }
  free.sort((a, b) => a - b);
  for (const partition of free) {
    const total = (memberId: string) => sizeOf(shares.get(memberId)) * 10_000 + sizeOf(assigned.get(memberId));
    const fewest = readers.toSorted((a, b) => total(a) - total(b))[0];
    if (fewest !== undefined) shares.get(fewest)?.push(partition);
  }
  return shares;
}

function sizeOf(list: readonly unknown[] | undefined): number {
  return list?.length ?? 0;
}
