import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assignPartitions, type Candidate } from '../../controller/adapters/kafka/assign-partitions.ts';
import type { TopicPartition } from '../../controller/ports/streams.ts';

const topicNames = ['a', 'b', 'c'];
const groups = fc.record({
  sizes: fc.dictionary(fc.constantFrom(...topicNames), fc.integer({ min: 0, max: 9 })),
  members: fc.array(fc.subarray(topicNames, { minLength: 1 }), { minLength: 1, maxLength: 5 }),
});

/** Rounds of the group until nobody has to let go of anything: at most two. */
function settle(members: readonly (readonly string[])[], sizes: Readonly<Record<string, number>>, before: readonly Candidate[] = []) {
  let candidates: Candidate[] = members.map((topics, i) => {
    const memberId = `m${i}`;
    return before.find(one => one.memberId === memberId && one.topics === topics) ?? { memberId, topics, owned: [], generation: -1 };
  });
  for (let round = 1; ; round += 1) {
    const assigned = assignPartitions(candidates, topic => sizes[topic] ?? 0);
    const next = candidates.map(one => ({ ...one, owned: assigned.get(one.memberId) ?? [], generation: round }));
    const letGo = next.some((one, i) => candidates[i]?.owned.some(at => !has(one.owned, at)));
    if (round > 1) {
      for (const one of candidates)
        for (const at of one.owned) expect(next.filter(other => other !== one && has(other.owned, at)).length).toBeLessThan(2);
    }
    candidates = next;
    if (!letGo) return candidates;
    expect(round).toBeLessThan(3);
  }
}

function has(owned: readonly TopicPartition[], { topic, partition }: TopicPartition): boolean {
  return owned.some(one => one.topic === topic && one.partition === partition);
}

test('every partition has exactly one owner, who reads its topic, and shares differ by one at most', () => {
  fc.assert(
    fc.property(groups, ({ sizes, members }) => {
      const settled = settle(members, sizes);
      for (const topic of topicNames) {
        const readers = settled.filter(one => one.topics.includes(topic));
        const shares = readers.map(one => one.owned.filter(at => at.topic === topic).length);
        const total = settled.flatMap(one => one.owned.filter(at => at.topic === topic));
        expect(new Set(total.map(at => at.partition)).size).toBe(readers.length === 0 ? 0 : (sizes[topic] ?? 0));
        expect(total.length).toBe(readers.length === 0 ? 0 : (sizes[topic] ?? 0));
        expect(Math.max(0, ...shares) - Math.min(...shares, Math.max(0, ...shares))).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test('a partition never goes from one owner to another in one round', () => {
  fc.assert(
    fc.property(groups, fc.array(fc.subarray(topicNames, { minLength: 1 }), { maxLength: 3 }), ({ sizes, members }, more) => {
      const before = settle(members, sizes);
      const joined: Candidate[] = [...before, ...more.map((topics, i) => ({ memberId: `n${i}`, topics, owned: [], generation: -1 }))];
      const assigned = assignPartitions(joined, topic => sizes[topic] ?? 0);
      for (const one of before) {
        for (const at of one.owned) {
          for (const [memberId, owned] of assigned) if (memberId !== one.memberId) expect(has(owned, at)).toBe(false);
        }
      }
    }),
  );
});

test('nothing changes hands when nothing has changed', () => {
  fc.assert(
    fc.property(groups, ({ sizes, members }) => {
      const before = settle(members, sizes);
      const after = assignPartitions(before, topic => sizes[topic] ?? 0);
      for (const one of before)
        expect(new Set(after.get(one.memberId)?.map(at => `${at.topic}.${at.partition}`))).toEqual(
          new Set(one.owned.map(at => `${at.topic}.${at.partition}`)),
        );
    }),
  );
});

test('of two claims the later one counts, and of equal ones neither', () => {
  const owned = [{ topic: 'a', partition: 0 }];
  const claim = (memberId: string, generation: number) => ({ memberId, topics: ['a'], owned, generation });
  expect(assignPartitions([claim('x', 3), claim('y', 4)], () => 1).get('y')).toEqual(owned);
  const unclear = assignPartitions([claim('x', 4), claim('y', 4)], () => 1);
  expect([...unclear.values()].flat()).toEqual(owned);
});
