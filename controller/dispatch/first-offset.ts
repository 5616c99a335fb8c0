import type { Subscription } from '../functions/live-function.ts';
import type { Streams } from '../ports/streams.ts';

/** Where a group without a committed offset begins. */
export async function firstOffset(
  streams: Pick<Streams, 'bounds' | 'offsetsAt'>,
  { topic, from }: Pick<Subscription, 'topic' | 'from'>,
  partition: number,
): Promise<number> {
  if (typeof from === 'object') return (await streams.offsetsAt(topic, from.timeMs)).find(one => one.partition === partition)?.offset ?? 0;
  const bounds = (await streams.bounds(topic)).find(one => one.partition === partition);
  return (from === 'earliest' ? bounds?.startOffset : bounds?.endOffset) ?? 0;
}
