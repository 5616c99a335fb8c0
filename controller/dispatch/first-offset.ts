import type { Subscription } from '../functions/live-function.ts';
import type { Source, StateStore } from '../ports/state.ts';
import type { Streams, TopicPartition } from '../ports/streams.ts';
import type { Log } from '../telemetry/log.ts';

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

/**
 * A topic that was deleted and made again took the group's offsets with it, and is shorter than what was handled of the old one: the new one is handled
 * from its first record on. A shorter log whose offsets are still there lost records, which is for an operator to see. True: the progress was reset.
 */
export async function beginAnew(
  {
    streams,
    state,
    log,
  }: { readonly streams: Pick<Streams, 'bounds'>; readonly state: Pick<StateStore, 'resetProgress'>; readonly log: Log },
  source: Source,
  { topic, partition }: TopicPartition,
  frontier: number,
): Promise<boolean> {
  const bounds = (await streams.bounds(topic)).find(one => one.partition === partition);
  if (bounds === undefined || frontier <= bounds.endOffset) return false;
  log.warn('topic was made again', { unit: source.unit, topic, partition, frontier, endOffset: bounds.endOffset });
  await state.resetProgress(source, bounds.startOffset);
  return true;
}
