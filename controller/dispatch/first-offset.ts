import type { Subscription } from '../functions/live-function.ts';
import type { Streams } from '../ports/streams.ts';

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
