import type { LiveFunction } from '../functions/live-function.ts';
import { areOtherTopics } from '../ports/other-topic.ts';
import type { DurableSource } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import { noteOf } from './offset-metadata.ts';

/**
 * What the broker was told to be durable, of all partitions of a function but one. A store that went back is known by any of them: one that had told nothing
 * would go on alone, on the state of the whole function.
 */
export async function durableOthers(
  streams: Pick<Streams, 'committed' | 'topicId'>,
  { group, subscriptions }: Pick<LiveFunction, 'group' | 'subscriptions'>,
  own: string,
): Promise<readonly DurableSource[]> {
  const perTopic = await Promise.all(
    subscriptions.map(async ({ topic }) => {
      const [told, topicId] = await Promise.all([streams.committed(group, topic), streams.topicId(topic)]);
      return told
        .map(({ partition, offset, metadata }) => ({ name: `${topic}.${partition}`, durableOffset: offset, note: noteOf(metadata) }))
        .filter(({ note }) => note.isDurable && !areOtherTopics(note.topicId, topicId))
        .map(({ name, durableOffset, note }) => ({ name, durableOffset, brokerGeneration: note.generation }));
    }),
  );
  return perTopic.flat().filter(({ name }) => name !== own);
}
