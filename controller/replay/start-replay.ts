import type { Clock } from '../clock.ts';
import { FaasError } from '../errors.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { OffsetTarget } from '../functions/move-offsets.ts';
import { withinLog } from '../functions/plan-offsets.ts';
import type { PartitionBounds, Streams } from '../ports/streams.ts';
import type { Random } from '../random.ts';
import type { ReplayJob, ReplayRange } from './replay-job.ts';
import type { ReplayStore } from './replay-store.ts';

export interface ReplayWish {
  readonly from: OffsetTarget;
  /** Not included; what is appended after the wish never is. */
  readonly to: OffsetTarget;
  readonly stream: string | undefined;
  readonly inbox: boolean;
  readonly ratePerSecond: number | undefined;
}

export interface StartReplayOptions {
  readonly streams: Pick<Streams, 'describeTopic' | 'bounds' | 'offsetsAt'>;
  readonly replays: ReplayStore;
  readonly clock: Clock;
  readonly random: Random;
}

/** Of one function, ended ones included; the oldest ended ones are forgotten. */
const keptMax = 20;

/** Writes the wish down; the leader sees to it. Throws FAAS_REPLAY_EMPTY when nothing lies between the two places. */
export async function startReplay(options: StartReplayOptions, live: LiveFunction, wish: ReplayWish): Promise<ReplayJob> {
  const { replays, clock, random } = options;
  if (isUpsideDown(wish)) {
    const hint = 'Exchange --from and --to; events at --to are not included.';
    throw new FaasError('FAAS_REPLAY_EMPTY', `no events of ${live.unit} lie there: the range ends where it begins, or before`, hint);
  }
  const ranges = await rangesOf(options, live, wish);
  if (ranges.length === 0) {
    const hint =
      'Retention may have taken them; "faas offsets show" has the bounds. --inbox takes webhooks, schedules and durable calls as well.';
    throw new FaasError('FAAS_REPLAY_EMPTY', `no events of ${live.unit} lie there`, hint);
  }
  const ended = (await replays.list(live.unit)).filter(({ state }) => state !== 'running').sort((a, b) => a.startedAtMs - b.startedAtMs);
  await replays.remove(ended.slice(0, Math.max(0, ended.length - keptMax + 1)));
  const { ratePerSecond } = wish;
  const job: ReplayJob = {
    id: random.token().slice(0, 8),
    unit: live.unit,
    state: 'running',
    startedAtMs: clock.now(),
    ratePerSecond,
    ranges,
    events: 0,
  };
  await replays.put(job);
  return job;
}

function isUpsideDown({ from, to }: ReplayWish): boolean {
  if (typeof from === 'string' || typeof to === 'string') return to === 'earliest' || (from === 'latest' && to !== 'latest');
  if ('offset' in from) return 'offset' in to && from.offset >= to.offset;
  return 'timeMs' in to && from.timeMs >= to.timeMs;
}

async function rangesOf(options: StartReplayOptions, live: LiveFunction, wish: ReplayWish): Promise<readonly ReplayRange[]> {
  const ranges: ReplayRange[] = [];
  for (const { topic, stream, inbox } of live.subscriptions) {
    const isWanted = inbox ? wish.inbox : wish.stream === undefined || wish.stream === stream || wish.stream === topic;
    if (!isWanted || (await options.streams.describeTopic(topic)) === undefined) continue;
    const bounds = await options.streams.bounds(topic);
    const [from, to] = [await placesOf(options, topic, bounds, wish.from), await placesOf(options, topic, bounds, wish.to)];
    for (const { partition } of bounds) {
      const [fromOffset = 0, toOffset = 0] = [from.get(partition), to.get(partition)];
      if (fromOffset < toOffset) ranges.push({ topic, partition, fromOffset, toOffset, position: fromOffset });
    }
  }
  return ranges;
}

async function placesOf(
  { streams }: StartReplayOptions,
  topic: string,
  bounds: readonly PartitionBounds[],
  place: OffsetTarget,
): Promise<ReadonlyMap<number, number>> {
  if (place === 'earliest') return new Map(bounds.map(({ partition, startOffset }) => [partition, startOffset]));
  if (place === 'latest') return new Map(bounds.map(({ partition, endOffset }) => [partition, endOffset]));
  if ('offset' in place) return new Map(bounds.map(one => [one.partition, withinLog(place.offset, one)]));
  const found = new Map((await streams.offsetsAt(topic, place.timeMs)).map(({ partition, offset }) => [partition, offset]));
  return new Map(bounds.map(one => [one.partition, withinLog(found.get(one.partition) ?? one.endOffset, one)]));
}
