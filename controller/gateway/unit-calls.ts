import type { BatchEnd, BatchState, EventResult, OkOutcome, Outcome, PodLog, WireError } from '../../runtime/protocol/messages.ts';
import { wireLimits } from '../../runtime/protocol/messages.ts';
import type { HeaderBlock } from '../../runtime/protocol/record.ts';
import { assertNever } from '../../runtime/sdk/assert-never.ts';
import type { Clock } from '../clock.ts';
import { settleOutcome, tooLarge } from '../dispatch/settle.ts';
import type { TopicSizes } from '../dispatch/topic-sizes.ts';
import { inboxTopicOf, type LiveFunction } from '../functions/live-function.ts';
import type { History } from '../ports/history.ts';
import type { PodExit } from '../ports/pods.ts';
import type { StateStore } from '../ports/state.ts';
import type { Random } from '../random.ts';
import type { Log } from '../telemetry/log.ts';
import type { BatchTokens } from '../wire/batch-tokens.ts';
import type { PodClient } from '../wire/pod-client.ts';
import type { PodDirectory, PodView } from '../wire/pod-directory.ts';
import type { PodExits } from '../wire/pod-exits.ts';
import { needsCommit, type ReadyCall, staleRunsMax } from './call-group.ts';
import type { CallSession } from './call-session.ts';
import { CallEvent, type PendingCall, sharedHeaders } from './pending-call.ts';
import { gatherMs, type PodLoad, pickPod } from './pick-pod.ts';
import { storeAgainMs, storePatienceMs } from './store-patience.ts';
import { isNested, WaitingCalls } from './waiting-calls.ts';

export interface UnitCallsOptions {
  readonly state: Pick<StateStore, 'read'>;
  readonly history: Pick<History, 'write'>;
  readonly pods: PodDirectory;
  readonly client: Pick<PodClient, 'run'>;
  readonly exits: Pick<PodExits, 'hasCrashed'>;
  readonly tokens: BatchTokens;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly sizes: TopicSizes;
  /** Calls back when the event loop has taken in what had already arrived: calls of one turn travel as one batch, and none of them waits for it. */
  readonly soon: (callback: () => void) => void;
}

/** A PodLoad in the making. `isEnding`: the pod was told to end; it may be off the list, of which we hear late in a cluster, before what we sent comes back. */
type OwnLoad = { -readonly [Figure in keyof PodLoad]: PodLoad[Figure] } & { isEnding: boolean };

/** Nobody can start the first pod, or the store stays away: better known than at the end of a caller's patience. */
const unavailable = { kind: 'unavailable', retryAfterMs: 1_000 } as const;
export const waitingCallsMax = 10_000;
const batchCallsMax = 128;
/** So many do not wait for those that may come yet, while a pod has fewer: it works on them while the gateway reads on, and neither has to wait for the other. */
const enoughCalls = 16;
const batchBytesMax = wireLimits.batchBytesMax / 4;
const returnsMax = 5;
const busyMs = 10;
const wantEveryMs = 100;
const toldPerSecond = 20;
/** A call waits so long without a pod and without a leader that could have one started: longer than it takes until another process leads. */
const leaderPatienceMs = 10_000;
/** After so many results without state, a function counts as stateless until it shows otherwise: no lanes, nothing to prefetch. */
const statelessAfter = 32;
/** How much the latest handler time counts in the average. */
const handlerWeight = 0.1;

/** The direct calls of one unit: which wait, which are on which pod, which are being committed. */
export class UnitCalls {
  readonly #options: UnitCallsOptions;
  readonly #session: CallSession;
  readonly #waiting = new WaitingCalls();
  readonly #loads = new Map<string, OwnLoad>();
  readonly #shared: HeaderBlock;
  #live: LiveFunction;
  #callable: ReadonlySet<string>;
  /** Results in a row that touched no state. */
  #stateless = 0;
  #handlerMs = 1;
  #turn = 0;
  #flushing = false;
  #gathering = false;
  #wantedAtMs = Number.NEGATIVE_INFINITY;
  #toldSinceMs = Number.NEGATIVE_INFINITY;
  #told = 0;

  constructor(live: LiveFunction, session: CallSession, options: UnitCallsOptions) {
    this.#live = live;
    this.#callable = new Set(live.spec.calls);
    this.#session = session;
    this.#shared = sharedHeaders(live.unit);
    this.#options = options;
  }

  update(live: LiveFunction): void {
    this.#live = live;
    this.#callable = new Set(live.spec.calls);
  }

  get live(): LiveFunction {
    return this.#live;
  }

  get isFull(): boolean {
    return this.#waiting.size >= waitingCallsMax;
  }

  add(call: PendingCall): void {
    this.#waiting.push(call);
    if (this.#waiting.ready === enoughCalls && this.#hasIdlePod()) this.#flush();
    else this.flushSoon();
  }

  #hasIdlePod(): boolean {
    return this.#options.pods.podsOf(this.#live.unit).some(({ pod }) => this.#loadOf(pod.id).inFlight < enoughCalls);
  }

  flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#options.soon(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  podsChanged(): void {
    for (const { pod, state } of this.#options.pods.podsOf(this.#live.unit)) {
      const load = this.#loads.get(pod.id);
      if (load !== undefined && state === 'draining') load.isEnding = true;
    }
    this.flushSoon();
  }

  podGone({ id }: Pick<PodExit, 'id'>): void {
    this.#loads.delete(id);
  }

  /** The function is not live any more: whoever still waits gets to know. */
  end(): void {
    for (const call of this.#waiting.drain()) call.settle({ kind: 'unknown-function' });
  }

  /** From the commit: run it again, or say that it is no use. */
  rerun({ call }: ReadyCall, keys: readonly string[]): void {
    this.#stateless = 0;
    this.#waiting.release(call);
    call.staleRuns += 1;
    if (call.staleRuns > staleRunsMax) call.settle({ kind: 'conflict', keys });
    else this.#again(call);
  }

  finish(call: PendingCall): void {
    this.#waiting.release(call);
    if (this.#waiting.ready > 0) this.flushSoon();
  }

  #usesState(): boolean {
    return this.#stateless < statelessAfter;
  }

  #flush(): void {
    const { pods, clock } = this.#options;
    for (let { first } = this.#waiting; first !== undefined; { first } = this.#waiting) {
      const nowMs = clock.now();
      // A nested call that queued in a pod behind its own caller would never run: it gets a free place, or another pod.
      const handlerMs = isNested(first) ? Number.POSITIVE_INFINITY : this.#handlerMs;
      const views = pods.podsOf(this.#live.unit);
      const picked = pickPod(views, this.#live.revision, id => this.#loadOf(id), handlerMs, this.#turn, nowMs);
      this.#turn += 1;
      if (picked.kind !== 'pod') {
        this.#wantPods(nowMs);
        return;
      }
      if (picked.gather && this.#waiting.ready < Math.min(picked.room, enoughCalls)) {
        this.#flushLater();
        return;
      }
      const calls = this.#waiting.take(Math.min(picked.room, batchCallsMax), batchBytesMax, this.#usesState());
      if (calls.length > 0) this.#send(picked.view, calls);
    }
  }

  #flushLater(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.#options.clock.after(gatherMs, () => {
      this.#gathering = false;
      this.#flush();
    });
  }

  /** Says it again while calls wait: a wish may be answered by fewer pods than it takes. */
  #wantPods(nowMs: number): void {
    const { pods, clock } = this.#options;
    if (nowMs - this.#wantedAtMs < wantEveryMs) return;
    this.#wantedAtMs = nowMs;
    const ready = pods.podsOf(this.#live.unit).filter(view => view.state === 'ready').length;
    clock.after(wantEveryMs, () => this.flushSoon());
    const isHeard = pods.want(this.#live.unit, ready + 1, 'direct-call');
    if (!isHeard && ready === 0) this.#refuseOlder(nowMs - leaderPatienceMs);
  }

  #refuseOlder(startedToMs: number): void {
    for (const call of this.#waiting.drain(({ startedAtMs, settled }) => settled || startedAtMs <= startedToMs)) {
      call.settle(unavailable);
      this.#waiting.release(call);
    }
  }

  #send(view: PodView, calls: readonly PendingCall[]): void {
    const load = this.#loadOf(view.pod.id);
    load.inFlight += calls.length;
    load.lastBatchAtMs = this.#options.clock.now();
    this.#run(view, calls).catch(error => {
      this.#options.log.error('batch of direct calls broke', { unit: this.#live.unit, error });
      for (const call of calls) if (!call.settled) this.#fail(call, 'crash', crashError('the batch could not be run'));
    });
  }

  async #run(view: PodView, calls: readonly PendingCall[]): Promise<void> {
    const { tokens, random, client, clock } = this.#options;
    const load = this.#loadOf(view.pod.id);
    const open: (PendingCall | undefined)[] = [...calls];
    const batchToken = random.token();
    const depth = calls.reduce((deepest, { request }) => Math.max(deepest, request.depth), 0);
    tokens.grant(batchToken, { unit: this.#live.unit, podId: view.pod.id, calls: this.#callable, depth });
    try {
      const state = this.#usesState() ? await this.#prefetch(calls) : [];
      if (state === undefined) {
        for (const call of calls) this.#storeAway(call);
        return;
      }
      const nowMs = clock.now();
      const events = calls.map((call, index) => new CallEvent(call, index, this.#shared, nowMs));
      const end = await client.run(
        view.pod,
        { batchToken, ...view.shared, ...howOf(calls), unit: this.#live.unit, revision: view.revision, order: 'none', events, state },
        {
          result: result => {
            const call = open[result.index];
            if (call === undefined) return;
            open[result.index] = undefined;
            load.inFlight -= 1;
            this.#take(call, result);
          },
          log: entry => this.#log(entry, entry.index === undefined ? undefined : calls[entry.index]),
        },
      );
      if (end.kind === 'busy' || end.kind === 'draining' || end.kind === 'unreached') this.#avoid(load, end.kind);
      // It was told to end, and was ended before it had said so on its connections: nobody is to blame.
      const wasTold = end.kind === 'lost' && open.some(call => call !== undefined) && (await this.#wasTold(view, load));
      for (const call of open.reverse()) {
        if (call === undefined) continue;
        if (wasTold) this.#takeBack(call, 'draining');
        else this.#unanswered(call, end.kind);
      }
    } finally {
      tokens.revoke(batchToken);
      for (const call of open) if (call !== undefined) load.inFlight -= 1;
      if (this.#waiting.ready > 0) this.flushSoon();
    }
  }

  /** Of a pod that was lost. In a cluster its own word comes over another connection than what broke. */
  async #wasTold({ pod }: PodView, load: OwnLoad): Promise<boolean> {
    return load.isEnding || (await this.#options.exits.hasCrashed(pod)) === false;
  }

  /** `undefined`: the store does not answer. */
  async #prefetch(calls: readonly PendingCall[]): Promise<readonly BatchState[] | undefined> {
    const { state, log } = this.#options;
    const keys = [...new Set(calls.flatMap(({ request }) => request.key ?? []))];
    if (keys.length === 0) return [];
    try {
      return await state.read(this.#live.unit, keys);
    } catch (error) {
      log.warn('state for direct calls could not be read', { unit: this.#live.unit, error });
      return undefined;
    }
  }

  #take(call: PendingCall, { outcome }: EventResult): void {
    switch (outcome.kind) {
      case 'ok':
        this.#succeed(call, outcome);
        break;
      case 'failed':
        this.#fail(call, outcome.reason, outcome.error);
        break;
      case 'returned':
        this.#takeBack(call, outcome.why);
        break;
      default:
        assertNever(outcome);
    }
  }

  #succeed(call: PendingCall, outcome: OkOutcome): void {
    this.#handlerMs += handlerWeight * (outcome.busyMs - this.#handlerMs);
    this.#stateless = outcome.reads.length > 0 || outcome.writes.length > 0 ? 0 : this.#stateless + 1;
    // The caller has gone with its deadline, and was told so: nothing of it is kept.
    if (!call.settled && needsCommit(call, outcome)) {
      this.#commit(call, outcome);
    } else {
      call.settle({ kind: 'ok', answer: outcome.answer, repeated: false });
      this.finish(call);
    }
  }

  #commit(call: PendingCall, outcome: OkOutcome): void {
    const topics = outcome.emits.flatMap(({ kind, target }) =>
      kind === 'start' ? inboxTopicOf(target) : (this.#live.emitTopics.get(target) ?? []),
    );
    const { sizes, clock } = this.#options;
    if (sizes.haveAll(topics)) {
      this.#submit(call, outcome, clock.now());
    } else {
      sizes.load(topics).then(
        () => this.#submit(call, outcome, clock.now()),
        () => this.#fail(call, 'error', crashError('the topics of its emits could not be looked up')),
      );
    }
  }

  #submit(call: PendingCall, outcome: OkOutcome, nowMs: number): void {
    const cause = {
      live: this.#live,
      eventId: call.id,
      idempotencyKey: call.id,
      correlationId: undefined,
      traceparent: call.traceparent,
      hop: call.request.depth,
    };
    const { sizes } = this.#options;
    const settled = settleOutcome(outcome, cause, sizes.partitionsOf, nowMs);
    if (settled.kind === 'refused') {
      this.#fail(call, 'undeclared', settled.error);
      return;
    }
    const large = tooLarge(settled.emits, sizes.recordBytesMaxOf);
    if (large !== undefined) this.#fail(call, 'too-large', large);
    else this.#session.submit({ call, outcome, emits: settled.emits });
  }

  #fail(call: PendingCall, reason: string, error: WireError): void {
    const late = reason === 'timeout' && this.#options.clock.now() >= call.deadlineMs;
    call.settle(late ? { kind: 'timeout' } : { kind: 'failed', error, reason });
    this.#tell(call, reason, error);
    this.finish(call);
  }

  /** As for an attempt of an event that failed. Of thousands a second some say what is wrong as well as all. */
  #tell(call: PendingCall, reason: string, error: WireError): void {
    const atMs = this.#options.clock.now();
    if (atMs - this.#toldSinceMs >= 1_000) {
      this.#toldSinceMs = atMs;
      this.#told = 0;
    }
    this.#told += 1;
    if (this.#told > toldPerSecond) return;
    const more = this.#told === toldPerSecond && { more: 'others of this second are not told' };
    const { traceparent } = call;
    this.#log({ level: 'warn', message: 'direct call failed', fields: { reason, error, ...more }, atMs, traceparent }, call);
  }

  #takeBack(call: PendingCall, why: Extract<Outcome, { kind: 'returned' }>['why']): void {
    if (why === 'worker-ended') call.suspect = true;
    if (why === 'state-unread') {
      this.#storeAway(call);
      return;
    }
    call.returns += 1;
    if (call.returns > returnsMax) {
      this.#fail(call, 'crash', crashError(`the pod gave it back ${call.returns} times`));
      return;
    }
    this.#waiting.release(call);
    this.#again(call);
  }

  /** Nothing of it was kept: it runs again when the store may be back, while its caller is to wait. */
  #storeAway(call: PendingCall): void {
    const { clock } = this.#options;
    if (clock.now() - call.startedAtMs >= storePatienceMs) call.settle(unavailable);
    else clock.after(storeAgainMs, () => this.#again(call));
    this.finish(call);
  }

  #unanswered(call: PendingCall, why: BatchEnd['kind']): void {
    if (why === 'lost' || why === 'done') {
      this.#fail(call, 'crash', crashError('the pod ended before it answered'));
    } else {
      this.#waiting.release(call);
      this.#again(call);
    }
  }

  #again(call: PendingCall): void {
    if (call.settled) return;
    this.#waiting.unshift(call);
    this.flushSoon();
  }

  #avoid(load: OwnLoad, why: 'busy' | 'draining' | 'unreached'): void {
    const { clock } = this.#options;
    const forMs = why === 'busy' ? busyMs : wantEveryMs;
    load.busyUntilMs = clock.now() + forMs;
    clock.after(forMs, () => this.flushSoon());
  }

  #loadOf(podId: string): OwnLoad {
    const known = this.#loads.get(podId);
    if (known !== undefined) return known;
    const load = { inFlight: 0, busyUntilMs: Number.NEGATIVE_INFINITY, lastBatchAtMs: Number.NEGATIVE_INFINITY, isEnding: false };
    this.#loads.set(podId, load);
    return load;
  }

  #log({ level, message, fields, atMs, traceparent }: Omit<PodLog, 'index'>, call: PendingCall | undefined): void {
    const { unit, revision } = this.#live;
    this.#options.history.write({
      kind: 'log',
      atMs,
      unit,
      data: {
        level,
        message,
        revision,
        ...(fields === undefined ? {} : { fields }),
        ...(call === undefined ? {} : { eventId: call.id }),
        ...(traceparent === undefined ? {} : { traceparent }),
      },
    });
  }
}

/** A suspect is taken alone, and runs alone: what it does to its pod is done to nobody else, and counts only if it had begun. */
function howOf([first]: readonly PendingCall[]): { readonly exclusive?: true; readonly waits?: true } {
  return first?.suspect === true ? { exclusive: true, waits: true } : {};
}

function crashError(message: string): WireError {
  return { code: 'FAAS_POD_LOST', name: 'FaasError', message, stack: undefined };
}
