import type { Clock } from '../clock.ts';
import type { FaultPoints } from '../fault-points.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { StateStore } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import type { Log } from '../telemetry/log.ts';
import { copyOf } from './replay-copy.ts';
import { nextRange, passed, type ReplayJob, type ReplayRange } from './replay-job.ts';
import type { ReplayStore } from './replay-store.ts';

export interface ReplayLoopOptions {
  readonly replays: ReplayStore;
  readonly streams: Pick<Streams, 'append' | 'read' | 'describeTopic' | 'bounds'>;
  readonly state: Pick<StateStore, 'progress'>;
  readonly live: () => readonly LiveFunction[];
  readonly clock: Clock;
  readonly faults: FaultPoints;
  readonly log: Log;
}

const lookEveryMs = 1_000;
const pageRecords = 200;
const pageBytes = 2 ** 20;
/** Events in the inbox that are not handled yet: webhooks and schedules come behind them, and so they stay few. */
const waitingMax = 1_000;
const waitMs = 50;
/** A page of a slow replay is what may go within this time. */
const rateWindowMs = 500;

/**
 * Copies past events into the inboxes of their functions, page by page: append, then keep the position. A crash in between appends the same page again,
 * under the same ids, and the function's commit drops what it has. Runs on the leader; ends when the signal aborts.
 */
export async function runReplays(options: ReplayLoopOptions, signal: AbortSignal): Promise<void> {
  const { replays, clock, log } = options;
  const underWay = new Map<string, Promise<void>>();
  while (!signal.aborted) {
    try {
      for (const job of await replays.list()) {
        if (job.state !== 'running' || underWay.has(job.id)) continue;
        const over = replay(options, job, signal)
          .catch(error => log.warn('replay failed, tried again', { unit: job.unit, replay: job.id, error: String(error) }))
          .finally(() => underWay.delete(job.id));
        underWay.set(job.id, over);
      }
    } catch (error) {
      log.warn('replays could not be looked up', { error: String(error) });
    }
    await clock.sleep(lookEveryMs, signal);
  }
  await Promise.all(underWay.values());
}

/** Until it is done or cancelled, or its function is not live at the moment. */
async function replay(options: ReplayLoopOptions, first: ReplayJob, signal: AbortSignal): Promise<void> {
  const { replays, clock, log } = options;
  let job: ReplayJob | undefined = first;
  while (job?.state === 'running' && !signal.aborted) {
    const range: ReplayRange | undefined = nextRange(job);
    const live = options.live().find(({ unit }) => unit === first.unit);
    if (range === undefined || live === undefined) return;
    const startedAtMs = clock.now();
    if ((await waitingIn(options, live)) > waitingMax) {
      await clock.sleep(waitMs, signal);
      job = (await replays.list(first.unit)).find(({ id }) => id === first.id);
      continue;
    }
    const page = await copyPage(options, live, job, range);
    job = await replays.change(job.unit, job.id, now => passed(now, range, page.position, page.events));
    if (job?.ratePerSecond !== undefined) {
      await clock.sleep((page.events / job.ratePerSecond) * 1_000 - (clock.now() - startedAtMs), signal);
    }
  }
  if (job !== undefined && job.state !== 'running')
    log.info('replay ended', { unit: job.unit, replay: job.id, state: job.state, events: job.events });
}

async function copyPage(
  { streams, faults }: ReplayLoopOptions,
  live: LiveFunction,
  job: ReplayJob,
  { topic, partition, position, toOffset }: ReplayRange,
): Promise<{ readonly position: number; readonly events: number }> {
  const subscription = live.subscriptions.find(one => one.topic === topic);
  const inbox = await streams.describeTopic(live.inboxTopic);
  // A stream that the function does not read any more: nothing of it is handled again.
  if (subscription === undefined || inbox === undefined) return { position: toOffset, events: 0 };
  const { records, nextOffset } = await streams.read(topic, partition, position, { records: pageSize(job), bytes: pageBytes });
  const wanted = records.filter(({ offset }) => offset < toOffset);
  const copying = { replayId: job.id, subscription, partition, inboxPartitions: inbox.partitions };
  const copies = wanted.map(record => copyOf(record, copying)).filter(copy => copy !== undefined);
  faults('replay.before-append');
  if (copies.length > 0) await streams.append(live.inboxTopic, copies);
  faults('replay.after-append');
  // Nothing there below its end: retention has taken the rest of the range.
  return { position: nextOffset > position ? nextOffset : toOffset, events: copies.length };
}

function pageSize({ ratePerSecond }: ReplayJob): number {
  if (ratePerSecond === undefined) return pageRecords;
  return Math.max(1, Math.min(pageRecords, Math.ceil((ratePerSecond * rateWindowMs) / 1_000)));
}

/** Events of the inbox that are not done. */
async function waitingIn({ streams, state }: ReplayLoopOptions, live: LiveFunction): Promise<number> {
  const frontiers = new Map((await state.progress(live.unit)).map(({ source, frontier }) => [source, frontier]));
  const bounds = await streams.bounds(live.inboxTopic);
  return bounds.reduce((sum, { partition, startOffset, endOffset }) => {
    const frontier = frontiers.get(`${live.inboxTopic}.${partition}`) ?? startOffset;
    return sum + Math.max(0, endOffset - Math.max(frontier, startOffset));
  }, 0);
}
