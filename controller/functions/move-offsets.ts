import type { Clock } from '../clock.ts';
import { FaasError } from '../errors.ts';
import type { Registry } from '../ports/registry.ts';
import type { StateStore } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import type { LiveFunction } from './live-function.ts';
import { effectOf, type OffsetEffect, type OffsetMove, rewindEventsMax, withinLog } from './plan-offsets.ts';

export interface MoveOffsetsOptions {
  readonly streams: Pick<Streams, 'describeTopic' | 'bounds' | 'committed' | 'setCommitted' | 'offsetsAt' | 'read'>;
  readonly state: Pick<StateStore, 'progress' | 'resetProgress'>;
  readonly registry: Pick<Registry, 'hold'>;
  readonly clock: Clock;
}

export type OffsetTarget = 'earliest' | 'latest' | { readonly timeMs: number } | { readonly offset: number };

export interface MoveRequest {
  readonly to: OffsetTarget;
  /** undefined: all of the function's streams. */
  readonly stream: string | undefined;
  /** undefined: all of them. */
  readonly partition: number | undefined;
  readonly allowRewind: boolean;
}

export interface MovedOffsets extends OffsetEffect {
  readonly moves: readonly OffsetMove[];
  /** Partitions whose log has no such place: the nearest one was taken. A time is none while it is to come. */
  readonly clamped: number;
  /** How far back in time that goes; undefined: it does not. */
  readonly backMs: number | undefined;
}

/** If whoever asked for it is gone, the function goes on by itself after this time. */
const holdMs = 60_000;
const leavePollMs = 100;

/** Where every partition of the function's streams stands. The inbox is no stream of its own: its events are remembered by their ids. */
export async function readOffsets(options: MoveOffsetsOptions, live: LiveFunction): Promise<readonly OffsetMove[]> {
  const progress = new Map((await options.state.progress(live.unit)).map(({ source, frontier }) => [source, frontier]));
  const found: OffsetMove[] = [];
  for (const { topic, inbox } of live.subscriptions) {
    if (inbox || (await options.streams.describeTopic(topic)) === undefined) continue;
    const committed = new Map((await options.streams.committed(live.group, topic)).map(({ partition, offset }) => [partition, offset]));
    for (const bounds of await options.streams.bounds(topic)) {
      const known = progress.get(`${topic}.${bounds.partition}`) ?? committed.get(bounds.partition) ?? bounds.startOffset;
      found.push({ topic, ...bounds, current: known, target: known });
    }
  }
  return found;
}

/** Topics of the function's streams that are not there: never made, or deleted. */
export async function goneTopics({ streams }: Pick<MoveOffsetsOptions, 'streams'>, live: LiveFunction): Promise<readonly string[]> {
  const gone: string[] = [];
  for (const { topic, inbox } of live.subscriptions) {
    if (!inbox && !gone.includes(topic) && (await streams.describeTopic(topic)) === undefined) gone.push(topic);
  }
  return gone;
}

/**
 * Lets the function go on elsewhere in its streams: holds it until every server has finished what it had in flight and has left the group, moves the
 * offsets, and releases it. The broker's offset first: where that was all, the store's progress still stands, and nothing has moved. State is left alone.
 */
export async function moveOffsets(options: MoveOffsetsOptions, live: LiveFunction, request: MoveRequest): Promise<MovedOffsets> {
  // Refused before anybody is held up; what is moved in the end is planned when nobody works on it any more.
  await planned(options, live, request);
  const untilMs = options.clock.now() + holdMs;
  await options.registry.hold(live.unit, untilMs);
  try {
    await everybodyLeft(options, live, untilMs);
    const plan = await planned(options, live, request);
    for (const { topic, partition, current, target } of plan.moves) {
      if (current === target) continue;
      await options.streams.setCommitted(live.group, topic, [{ partition, offset: target, metadata: '' }], 'replace');
      await options.state.resetProgress({ unit: live.unit, name: `${topic}.${partition}` }, target);
    }
    return plan;
  } finally {
    await options.registry.hold(live.unit, undefined);
  }
}

async function planned(options: MoveOffsetsOptions, live: LiveFunction, request: MoveRequest): Promise<MovedOffsets> {
  const topic = topicOf(live, request.stream);
  const all = await readOffsets(options, live);
  const chosen = all.filter(one => (topic === undefined || one.topic === topic) && (request.partition ?? one.partition) === one.partition);
  if (chosen.length === 0) {
    const gone = (await goneTopics(options, live)).filter(name => topic === undefined || name === topic);
    throw gone.length > 0 ? topicsGone(live, gone) : nothingThere(live, request);
  }
  const moves: OffsetMove[] = [];
  for (const one of chosen) moves.push({ ...one, target: await targetOf(options, one, request.to) });
  const effect = effectOf(moves);
  const backMs = await backOf(options, moves);
  if (effect.again > rewindEventsMax && !request.allowRewind) throw tooFarBack(live, effect.again, backMs ?? 0);
  return { moves, ...effect, clamped: clampedOf(moves, request.to, options.clock.now()), backMs };
}

function clampedOf(moves: readonly OffsetMove[], to: OffsetTarget, nowMs: number): number {
  if (typeof to === 'string') return 0;
  if ('timeMs' in to) return to.timeMs > nowMs ? moves.length : 0;
  return moves.filter(({ target }) => target !== to.offset).length;
}

function topicOf(live: LiveFunction, stream: string | undefined): string | undefined {
  if (stream === undefined) return undefined;
  return live.subscriptions.find(one => !one.inbox && one.stream === stream)?.topic ?? stream;
}

async function targetOf({ streams }: MoveOffsetsOptions, one: OffsetMove, to: OffsetTarget): Promise<number> {
  if (to === 'earliest') return one.startOffset;
  if (to === 'latest') return one.endOffset;
  if ('offset' in to) return withinLog(to.offset, one);
  const found = (await streams.offsetsAt(one.topic, to.timeMs)).find(({ partition }) => partition === one.partition);
  return withinLog(found?.offset ?? one.endOffset, one);
}

/** From the oldest event that is handled again until now. */
async function backOf({ streams, clock }: MoveOffsetsOptions, moves: readonly OffsetMove[]): Promise<number | undefined> {
  const times: number[] = [];
  for (const { topic, partition, current, target } of moves) {
    if (target >= current) continue;
    const { records } = await streams.read(topic, partition, target, { records: 1, bytes: 1 });
    for (const { appendedAtMs } of records) times.push(appendedAtMs);
  }
  return times.length === 0 ? undefined : Math.max(0, clock.now() - Math.min(...times));
}

/** Offsets of a group are changed when nobody is in it: setting one to what it is tells. */
async function everybodyLeft({ streams, clock }: MoveOffsetsOptions, live: LiveFunction, untilMs: number): Promise<void> {
  const topic = live.subscriptions.find(({ inbox }) => !inbox)?.topic ?? live.inboxTopic;
  for (;;) {
    const [one] = await streams.committed(live.group, topic);
    if (one === undefined) return;
    try {
      return await streams.setCommitted(live.group, topic, [one], 'replace');
    } catch (error) {
      if (!(error instanceof FaasError) || error.code !== 'FAAS_GROUP_HAS_MEMBERS' || clock.now() >= untilMs - holdMs / 2) throw error;
      await clock.sleep(leavePollMs);
    }
  }
}

function nothingThere(live: LiveFunction, { stream, partition }: MoveRequest): FaasError {
  const names = live.subscriptions.filter(({ inbox }) => !inbox).map(one => one.stream);
  const where = partition === undefined ? (stream ?? 'streams') : `partition ${partition} of ${stream ?? 'its streams'}`;
  const hint =
    names.length === 0
      ? 'It reads none; "faas replay" handles events of its inbox again.'
      : `It reads ${names.join(', ')}; "faas offsets show ${live.unit}" lists the partitions.`;
  return new FaasError('FAAS_OFFSETS_NONE', `${live.unit} reads no ${where}`, hint);
}

function topicsGone(live: LiveFunction, topics: readonly string[]): FaasError {
  const what = topics.length === 1 ? `the topic ${topics[0]} is` : `the topics ${topics.join(', ')} are`;
  return new FaasError(
    'FAAS_STREAM_UNKNOWN_TOPIC',
    `${what} gone, which ${live.unit} reads`,
    `Make it again, or deploy ${live.context} again.`,
  );
}

function tooFarBack(live: LiveFunction, again: number, backMs: number): FaasError {
  return new FaasError(
    'FAAS_OFFSETS_REWIND',
    `${again} events of ${live.unit} would be handled again, from ${Math.round(backMs / 1000)} s ago until now`,
    `Add --allow-rewind if that is meant. Its state stays as it is: what was counted is counted again.`,
  );
}
