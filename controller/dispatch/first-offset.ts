import type { Subscription } from '../functions/live-function.ts';
import { areOtherTopics } from '../ports/other-topic.ts';
import type { Claimed, Source } from '../ports/state.ts';
import type { Streams, TopicPartition } from '../ports/streams.ts';
import type { DispatcherOptions } from './dispatcher.ts';

/**
 * Where a partition without a committed offset begins: the deploy pinned all that were there, so it came later, and begins with its first record
 * although the function wants no older ones.
 */
export async function firstOffset(
  streams: Pick<Streams, 'bounds' | 'offsetsAt'>,
  { topic, from }: Pick<Subscription, 'topic' | 'from'>,
  partition: number,
): Promise<number> {
  if (typeof from === 'object') return (await streams.offsetsAt(topic, from.timeMs)).find(one => one.partition === partition)?.offset ?? 0;
  return (await streams.bounds(topic)).find(one => one.partition === partition)?.startOffset ?? 0;
}

export interface ClaimedPlace {
  readonly source: Source;
  readonly ownerToken: string;
  readonly at: TopicPartition;
  /** Of the topic that is there now. */
  readonly topicId: string | undefined;
  /** The group has an offset in it. */
  readonly hasOffset: boolean;
}

/**
 * A topic that was deleted and made again has another id; where the log knows none, it took the group's offsets with it, and is shorter than what was
 * handled of the old one. The new one is handled from its first record on. A shorter log whose offsets are still there lost records, which is for an operator
 * to see. True: the progress was of another topic, and is reset. Throws when another server has claimed the source since.
 */
export async function beginAnew(
  { streams, state, log }: Pick<DispatcherOptions, 'streams' | 'state' | 'log'>,
  { source, ownerToken, at, topicId, hasOffset }: ClaimedPlace,
  claimed: Pick<Claimed, 'topicId' | 'frontier'>,
): Promise<boolean> {
  const isOther = areOtherTopics(claimed.topicId, topicId);
  if (!isOther && hasOffset) return false;
  const bounds = (await streams.bounds(at.topic)).find(one => one.partition === at.partition);
  if (bounds === undefined || !(isOther || claimed.frontier > bounds.endOffset)) return false;
  const facts = { frontier: claimed.frontier, endOffset: bounds.endOffset, topicId, before: claimed.topicId };
  log.warn('topic was made again', { unit: source.unit, topic: at.topic, partition: at.partition, ...facts });
  if ((await state.resetProgress(source, bounds.startOffset, ownerToken)) === 'ok') return true;
  throw new Error('another server has claimed the partition since');
}
