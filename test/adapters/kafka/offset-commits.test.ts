import type Broker from 'kafkajs/src/broker/index.js';
import errors from 'kafkajs/src/protocol/error.js';
import { expect, test } from 'vitest';
import type { Coordinators } from '../../../controller/adapters/kafka/coordinators.ts';
import { brokerCodes } from '../../../controller/adapters/kafka/kafka-error.ts';
import { OffsetCommits } from '../../../controller/adapters/kafka/offset-commits.ts';

const member = { memberId: 'm', groupGenerationId: 1 };
const end = 100;

/** What would be sent to a coordinator; topics end at 100, where they are. */
function world() {
  const sent: string[] = [];
  const gone = new Set<string>();
  const broker = {
    async offsetCommit({ groupId, groupGenerationId, topics }: Parameters<Broker['offsetCommit']>[0]) {
      for (const { topic, partitions } of topics) {
        const told = partitions.map(({ partition, offset, metadata }) => `${partition}=${offset}${metadata}`).join(' ');
        sent.push(`${groupId} ${groupGenerationId} ${topic}: ${told}`);
        if (gone.has(topic)) throw errors.createErrorFromCode(brokerCodes.unknownTopic);
      }
    },
  };
  const coordinators = { ask: (_group: string, _ms: number, question: (one: typeof broker) => unknown) => question(broker) };
  const looked: string[] = [];
  const commits = new OffsetCommits(coordinators as unknown as Coordinators, async (topic, partitions) => {
    looked.push(`${topic} ${partitions.join(',')}`);
    return new Map(gone.has(topic) ? [] : partitions.map(partition => [partition, end]));
  });
  const commit = (topic: string, partition: number, offset: number, by = member) =>
    commits.commit('g', by, { topic, partition, offset, metadata: '' });
  return { commit, sent, gone, looked };
}

test('what a member tells of one topic in one turn is one request, of each partition the last', async () => {
  const { commit, sent } = world();
  await Promise.all([commit('a', 0, 5), commit('a', 1, 6), commit('b', 0, 7), commit('a', 0, 8)]);
  expect(sent).toEqual(['g 1 a: 0=8 1=6', 'g 1 b: 0=7']);
  await commit('a', 0, 9);
  expect(sent.at(-1)).toBe('g 1 a: 0=9');
});

test('members of two generations are told of by themselves, whichever comes between', async () => {
  const { commit, sent } = world();
  const next = { ...member, groupGenerationId: 2 };
  await Promise.all([commit('a', 0, 5), commit('a', 1, 6, next), commit('a', 2, 7, next)]);
  expect(sent.sort()).toEqual(['g 1 a: 0=5', 'g 2 a: 1=6 2=7']);
});

test.each([
  ['at the end', end, 'sent'],
  ['beyond it', end + 1, 'UNKNOWN_TOPIC_OR_PARTITION'],
])('T4 an offset %s is %s', async (_, offset, outcome) => {
  const { commit, sent } = world();
  const told = await commit('a', 0, offset).then(
    () => 'sent',
    error => error.type,
  );
  expect([told, sent.length]).toEqual([outcome, outcome === 'sent' ? 1 : 0]);
});

test('the start of a topic needs no look at where it ends', async () => {
  const { commit, looked } = world();
  await Promise.all([commit('a', 0, 0), commit('a', 1, 0)]);
  expect(looked).toEqual([]);
  await Promise.all([commit('a', 0, 0), commit('a', 1, 3)]);
  expect(looked).toEqual(['a 1']);
});

test('a topic that is gone is refused to all who told of it, and to nobody who told of another', async () => {
  const { commit, gone } = world();
  gone.add('a');
  const outcomes = await Promise.allSettled([commit('a', 0, 0), commit('a', 1, 4), commit('b', 0, 4)]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
});
