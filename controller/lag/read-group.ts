import type { LiveFunction } from '../functions/live-function.ts';
import type { LagTrigger } from '../manifest/spec.ts';
import type { StateStore } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import type { PartitionProgress } from './group-lag.ts';

interface GroupPorts {
  readonly streams: Pick<Streams, 'bounds' | 'committed'>;
  readonly state: Pick<StateStore, 'progress'>;
}

/** How far a group is in each partition of the topics. Of a function of ours the store knows it; what it does not know, and any other group, the broker does. */
export async function readGroup(
  { streams, state }: GroupPorts,
  { group, topics }: LagTrigger,
  own: Pick<LiveFunction, 'unit'> | undefined,
): Promise<readonly PartitionProgress[]> {
  const stored = new Map((own === undefined ? [] : await state.progress(own.unit)).map(one => [one.source, one]));
  const read = await Promise.all(
    topics.map(async topic => {
      const known = own === undefined ? [] : await streams.bounds(topic);
      const isStored = known.length > 0 && known.every(({ partition }) => stored.has(`${topic}.${partition}`));
      // What the group has done first: an end that is read later is never below it.
      const committed = isStored ? [] : await streams.committed(group, topic);
      const bounds = isStored ? known : await streams.bounds(topic);
      const offsets = new Map(committed.map(one => [one.partition, one.offset]));
      return bounds.map(({ partition, startOffset, endOffset }) => {
        const progress = stored.get(`${topic}.${partition}`);
        const frontier = progress?.frontier ?? offsets.get(partition);
        return { topic, partition, startOffset, endOffset, frontier, doneAbove: progress?.doneAbove ?? 0 };
      });
    }),
  );
  return read.flat();
}
