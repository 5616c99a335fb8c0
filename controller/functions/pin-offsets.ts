import type { CommittedOffset, Streams } from '../ports/streams.ts';
import type { LiveFunction, Subscription } from './live-function.ts';

/**
 * Writes down where a new group begins, at the moment of its first deploy: a group that only has `latest` in its settings would lose what is appended
 * between the deploy and its first read, and would jump whenever its offsets are out of range. Offsets that exist stay; a partition that was added to a
 * topic since the first deploy begins with its first record.
 */
export async function pinOffsets(streams: Streams, live: LiveFunction): Promise<void> {
  for (const subscription of live.subscriptions) {
    const pinned = new Set((await streams.committed(live.group, subscription.topic)).map(one => one.partition));
    const begin = (await beginOf(streams, subscription, pinned.size > 0)).filter(one => !pinned.has(one.partition));
    if (begin.length > 0) await streams.setCommitted(live.group, subscription.topic, begin, 'ifAbsent');
  }
}

async function beginOf(streams: Streams, { topic, from }: Subscription, isKnown: boolean): Promise<readonly CommittedOffset[]> {
  if ((await streams.describeTopic(topic)) === undefined) return [];
  if (typeof from === 'object') return (await streams.offsetsAt(topic, from.timeMs)).map(one => ({ ...one, metadata: '' }));
  return (await streams.bounds(topic)).map(({ partition, startOffset, endOffset }) => ({
    partition,
    offset: from === 'earliest' || isKnown ? startOffset : endOffset,
    metadata: '',
  }));
}
