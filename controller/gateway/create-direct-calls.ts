import { hopMax } from '../../runtime/protocol/headers.ts';
import type { Clock } from '../clock.ts';
import { TopicSizes } from '../dispatch/topic-sizes.ts';
import type { FaultPoints } from '../fault-points.ts';
import { isStrict, type LiveFunction } from '../functions/live-function.ts';
import type { History } from '../ports/history.ts';
import type { Source, StateStore } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import type { Random } from '../random.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { childTraceparent } from '../telemetry/trace.ts';
import type { BatchTokens } from '../wire/batch-tokens.ts';
import type { PodClient } from '../wire/pod-client.ts';
import type { PodDirectory } from '../wire/pod-directory.ts';
import type { PodExits } from '../wire/pod-exits.ts';
import { CallSession, type CallSessionListener, type CallSessionOptions } from './call-session.ts';
import type { DirectAnswer, DirectCall, DirectCalls } from './direct-calls.ts';
import { OpenCalls } from './open-calls.ts';
import type { PendingCall } from './pending-call.ts';
import { askPatiently, storePatienceMs } from './store-patience.ts';
import { UnitCalls, waitingCallsMax } from './unit-calls.ts';

export interface DirectCallsOptions {
  readonly streams: Pick<Streams, 'append' | 'describeTopic' | 'capabilities'>;
  readonly state: StateStore;
  readonly history: Pick<History, 'write'>;
  readonly pods: PodDirectory;
  readonly client: Pick<PodClient, 'run'>;
  readonly exits: PodExits;
  readonly tokens: BatchTokens;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: FaultPoints;
  readonly log: Log;
  readonly metrics: Metrics;
  /** How long answers are kept under their Idempotency-Key. */
  readonly dedupeWindowMs: number;
  /** The name of this gateway's place; whoever claims it next takes over what is left in it. */
  readonly slot: string;
  /** See UnitCallsOptions; setImmediate where nothing is given. */
  readonly soon?: (callback: () => void) => void;
}

/** What the composition root does with it besides calling. */
export interface DirectCallsRole extends DirectCalls {
  /** The functions that are live now. */
  update(functions: readonly LiveFunction[]): void;
  /** Work that no stream shows: calls under way, and all that were ever taken. */
  figures(unit: string): CallFigures;
  /** Another process has the slot: go on in this one. */
  moveTo(slot: string): void;
  /** Sends what is left in slots whose gateways are gone; resolves when it is sent. */
  adopt(slots: readonly string[]): Promise<void>;
}

/** The same object until it says something else. */
export interface CallFigures {
  readonly unit: string;
  readonly open: number;
  readonly takenTotal: number;
}

const stopPollMs = 10;
const adoptMs = 10_000;
const unavailable: DirectAnswer = { kind: 'unavailable', retryAfterMs: 1_000 };
const stoppedEarly: DirectAnswer = { kind: 'stopped', retryAfterMs: 1_000 };

export function createDirectCalls(options: DirectCallsOptions): DirectCallsRole {
  const { pods, clock, state } = options;
  const units = new Map<string, UnitCalls>();
  /** Of units that are gone as well: one may still have something to publish. */
  const sessions = new Map<string, CallSession>();
  const sizes = new TopicSizes(options.streams, clock);
  const ofUnits = { ...options, sizes, soon: options.soon ?? setImmediate };
  /** Calls with an Idempotency-Key that are under way: a second one waits for the first. */
  const underWay = new Map<string, Promise<DirectAnswer>>();
  /** Those of them of which the store has not said yet whether they were answered before: as many as may wait for a pod. */
  let lookups = 0;
  const ids = callIds(options.random);
  const figures = new Map<string, { open: number; takenTotal: number; told: CallFigures | undefined }>();
  const open = new OpenCalls();
  let stopped = false;
  let { slot } = options;

  const unwatch = [pods.onChange(unit => units.get(unit)?.podsChanged()), pods.onExit(exit => units.get(exit.unit ?? '')?.podGone(exit))];

  async function call(request: DirectCall): Promise<DirectAnswer> {
    const startedAtMs = clock.now();
    const answer = await answerOf(request, startedAtMs);
    options.metrics.count('faas_direct_calls_total', { unit: units.has(request.unit) ? request.unit : '', result: answer.kind });
    if (units.has(request.unit))
      options.metrics.observe('faas_direct_call_seconds', { unit: request.unit }, (clock.now() - startedAtMs) / 1000);
    return answer;
  }

  function answerOf(request: DirectCall, startedAtMs: number): DirectAnswer | Promise<DirectAnswer> {
    const calls = units.get(request.unit);
    if (calls === undefined) return { kind: 'unknown-function' };
    if (request.depth > hopMax) return { kind: 'too-deep' };
    if (stopped || calls.isFull) return unavailable;
    return request.idempotencyKey === undefined
      ? enqueue(calls, request, startedAtMs)
      : once(calls, request, request.idempotencyKey, startedAtMs);
  }

  function once(calls: UnitCalls, request: DirectCall, idempotencyKey: string, startedAtMs: number): DirectAnswer | Promise<DirectAnswer> {
    const lane = `${request.unit}\n${idempotencyKey}`;
    const first = underWay.get(lane);
    if (first !== undefined) return first.then(answer => (answer.kind === 'ok' ? { ...answer, repeated: true } : answer));
    if (lookups >= waitingCallsMax) return unavailable;
    lookups += 1;
    const answer = knownAnswer(calls.live, idempotencyKey, startedAtMs + Math.min(storePatienceMs, request.timeoutMs))
      .finally(() => {
        lookups -= 1;
      })
      .then(known => known ?? enqueue(calls, request, startedAtMs))
      .finally(() => underWay.delete(lane));
    underWay.set(lane, answer);
    return answer;
  }

  /** What an earlier call with this key was answered; `undefined`: there was none. A store that is away is asked again until then. */
  async function knownAnswer(live: LiveFunction, id: string, untilMs: number): Promise<DirectAnswer | undefined> {
    const { unit } = live;
    try {
      return await askPatiently<DirectAnswer | undefined>(clock, untilMs, async () => {
        const [known] = await state.known(unit, [id]);
        if (known === undefined) return undefined;
        if (!isStrict(live, state.capabilities) || (await sessions.get(unit)?.isKept(id)))
          return { kind: 'ok', answer: known.answer, repeated: true };
        throw new Error('it could be lost again');
      });
    } catch (error) {
      options.log.warn('whether a call was answered before could not be looked up', { unit, error });
      return unavailable;
    }
  }

  function enqueue(calls: UnitCalls, request: DirectCall, startedAtMs: number): Promise<DirectAnswer> {
    const figure = figures.get(request.unit) ?? { open: 0, takenTotal: 0, told: undefined };
    figures.set(request.unit, figure);
    figure.open += 1;
    figure.takenTotal += 1;
    return new Promise(resolve => {
      const pending: PendingCall = {
        request,
        id: request.idempotencyKey ?? ids(),
        traceparent: childTraceparent(request.traceparent, options.random),
        startedAtMs,
        deadlineMs: startedAtMs + request.timeoutMs,
        staleRuns: 0,
        returns: 0,
        suspect: false,
        settled: false,
        settle(answer) {
          if (pending.settled) return;
          pending.settled = true;
          open.remove(place);
          figure.open -= 1;
          cancel();
          resolve(answer);
        },
      };
      const cancel = clock.after(pending.deadlineMs - clock.now(), () =>
        pending.settle(pods.podsOf(request.unit).length > 0 ? { kind: 'timeout' } : unavailable),
      );
      const place = open.add(pending);
      calls.add(pending);
    });
  }

  function figuresOf(unit: string): CallFigures {
    const figure = figures.get(unit) ?? { open: 0, takenTotal: 0, told: undefined };
    const { open: now, takenTotal, told } = figure;
    if (told?.open === now && told.takenTotal === takenTotal) return told;
    figure.told = { unit, open: now, takenTotal };
    if (units.has(unit)) figures.set(unit, figure);
    return figure.told;
  }

  function unitCalls(live: LiveFunction): UnitCalls {
    const session = new CallSession(
      { ...options, source: sourceOf(live.unit, slot), isStrict: () => isStrict(created.live, state.capabilities) },
      {
        committed: ready => {
          ready.call.settle({ kind: 'ok', answer: ready.outcome.answer, repeated: false });
          created.finish(ready.call);
        },
        repeated: (ready, answer) => {
          ready.call.settle({ kind: 'ok', answer, repeated: true });
          created.finish(ready.call);
        },
        stale: (ready, keys) => created.rerun(ready, keys),
        failed: ready => {
          ready.call.settle(unavailable);
          created.finish(ready.call);
        },
      },
    );
    const created: UnitCalls = new UnitCalls(live, session, ofUnits);
    sessions.set(live.unit, session);
    if (state.capabilities.emits === 'outbox') session.adopt();
    return created;
  }

  return {
    call,
    figures: figuresOf,
    update(functions) {
      sizes.forget();
      const live = new Set(functions.map(({ unit }) => unit));
      for (const [unit, calls] of units) {
        if (live.has(unit)) continue;
        calls.end();
        units.delete(unit);
        figures.delete(unit);
      }
      for (const one of functions) {
        const known = units.get(one.unit);
        if (known === undefined) units.set(one.unit, unitCalls(one));
        else known.update(one);
      }
    },
    moveTo(next) {
      slot = next;
      for (const [unit, session] of sessions) session.moveTo(sourceOf(unit, slot));
    },
    async adopt(slots) {
      for (const [unit, calls] of units) {
        const sources = new Set((await state.progress(unit)).map(({ source }) => source));
        const left = slots.map(one => sourceOf(unit, one)).filter(({ name }) => sources.has(name));
        await Promise.all(
          left.map(source => emptyOutbox({ ...options, source, isStrict: () => isStrict(calls.live, state.capabilities) })),
        );
      }
    },
    giveUp() {
      stopped = true;
      open.settleAll(stoppedEarly);
    },
    async stop(graceMs) {
      stopped = true;
      const untilMs = clock.now() + graceMs;
      while (open.size > 0 && clock.now() < untilMs) await clock.sleep(stopPollMs);
      const left = [...sessions.values()];
      while (!left.every(session => session.isQuiet) && clock.now() < untilMs) await clock.sleep(stopPollMs);
      for (const off of unwatch) off();
      for (const session of left) session.stop();
    },
  };
}

function sourceOf(unit: string, slot: string): Source {
  return { unit, name: `direct.${slot}` };
}

const nobody: CallSessionListener = { committed() {}, repeated() {}, stale() {}, failed() {} };

/** Claims the place of a gateway that is gone, and sends what it left. Throws when that cannot be done at the moment. */
async function emptyOutbox(options: CallSessionOptions): Promise<void> {
  const session = new CallSession(options, nobody);
  session.adopt();
  const untilMs = options.clock.now() + adoptMs;
  while (!session.isQuiet && options.clock.now() < untilMs) await options.clock.sleep(stopPollMs);
  const isSent = session.isClaimed && session.isQuiet;
  session.stop();
  if (!isSent) throw new Error(`the outbox of ${options.source.name} of ${options.source.unit} could not be sent`);
}

/** Unique within the unit for all times, at the price of a counter. */
function callIds(random: Random): () => string {
  const prefix = random.token();
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}-${count}`;
  };
}
