import type { EventResult, FailureReason, OkOutcome, Outcome } from '../../runtime/protocol/messages.ts';
import type { EventAttributes } from './event-attributes.ts';
import { giveUp } from './parking.ts';
import type { Doom, PendingEvent, ReadCheck } from './pending-event.ts';
import { eventIdOf } from './read-records.ts';
import { addReady, requeue, sized } from './results.ts';
import { backoffMs, decideRetry, isCrash, isCrashedOut } from './retry.ts';
import type { Draft, DraftEnd, Effect, Input, Session } from './session-state.ts';
import { type Cause, noEmits, settleOutcome, tooLarge } from './settle.ts';
import { answered, crashOf, idempotencyKeyOf, keyPlaceOf } from './take-batch.ts';

interface Turn {
  readonly session: Session;
  readonly draft: Draft;
  /** It ran as the only event of ours, and nothing else ran on the pod beside it. */
  readonly alone: boolean;
  /** Chance in [0, 1). */
  readonly fraction: number;
  readonly nowMs: number;
  readonly effects: Effect[];
  /** Attempts to be stored before these events go again. */
  readonly recording: PendingEvent[];
}

/** Takes what a pod answered, in the order in which it came. */
export function takeResults(session: Session, input: Extract<Input, { kind: 'results' }>, effects: Effect[]): void {
  const { draft, results, fraction, nowMs } = input;
  const turn: Turn = { session, draft, alone: draft.alone && input.alone, fraction, nowMs, effects, recording: [] };
  if (draft.whole) {
    draft.held.push(...results);
    if (draft.held.length >= draft.unanswered) judgeWhole(turn);
  } else for (const result of results) takeResult(turn, result);
  recordAttempts(turn);
}

/** The pod has nothing more to say: what it did not answer runs again, after a crash as a suspect. */
export function endDraft(session: Session, draft: Draft, end: DraftEnd, fraction: number, nowMs: number, effects: Effect[]): void {
  const alone = draft.alone && end.kind === 'crashed' && end.alone;
  const turn: Turn = { session, draft, alone, fraction, nowMs, effects, recording: [] };
  for (const result of draft.held.splice(0)) takeResult(turn, result);
  for (let index = 0; draft.unanswered > 0 && index < draft.events.length; index += 1) {
    const event = draft.events[index];
    if (event === undefined || !answered(session, draft, index)) continue;
    session.lanes.ended(event);
    if (end.kind === 'crashed') suspect(turn, event);
    else requeue(session, event, nowMs);
  }
  recordAttempts(turn);
}

function takeResult(turn: Turn, { index, outcome }: EventResult): void {
  const { session, draft } = turn;
  const event = draft.events[index];
  if (event === undefined || !answered(session, draft, index)) return;
  session.lanes.ended(event);
  if (session.lanes.isOvertaking(event)) overtook(turn, event, outcome);
  else takeOutcome(turn, event, index, outcome);
}

/** What came of it does not count, since an earlier event of its lane runs again; but what ended a worker is alone with the next one. */
function overtook(turn: Turn, event: PendingEvent, outcome: Outcome): void {
  if (!endedWorker(outcome)) {
    requeue(turn.session, event, turn.nowMs);
    return;
  }
  event.suspect = true;
  record(turn, event);
}

function endedWorker(outcome: Outcome): boolean {
  return outcome.kind === 'failed' ? isCrash(outcome) : outcome.kind === 'returned' && outcome.why === 'worker-ended';
}

function takeOutcome(turn: Turn, event: PendingEvent, index: number, outcome: Outcome): void {
  switch (outcome.kind) {
    case 'ok':
      takeOk(turn, event, index, outcome);
      return;
    case 'failed':
      takeFailure(turn, event, { reason: outcome.reason, error: outcome.error }, outcome.retryable);
      return;
    default:
      if (outcome.why === 'worker-ended') suspect(turn, event);
      else {
        // The store is asked again after a pause, not as fast as pods can fail.
        if (outcome.why === 'state-unread')
          event.notBeforeMs = turn.nowMs + backoffMs(1, turn.session.live.spec.retry.backoffMs, turn.fraction);
        requeue(turn.session, event, turn.nowMs);
      }
  }
}

function takeOk(turn: Turn, event: PendingEvent, index: number, outcome: OkOutcome): void {
  const { session, draft, nowMs, effects } = turn;
  const reads = readChecks(draft, outcome);
  if (reads === undefined) {
    requeue(session, event, nowMs);
    return;
  }
  const settled =
    outcome.emits.length === 0 ? noEmits : settleOutcome(outcome, new EventCause(session, event), session.partitionsOf, nowMs);
  if (settled.kind === 'refused') {
    effects.push({ kind: 'target-missing' });
    takeFailure(turn, event, { reason: 'error', error: settled.error }, true);
    return;
  }
  const large = settled.emits.length === 0 ? undefined : tooLarge(settled.emits, session.recordBytesMaxOf);
  if (large !== undefined) {
    takeFailure(turn, event, { reason: 'too-large', error: large }, false);
    return;
  }
  const { writes, answer } = outcome;
  const kind = outcome.filtered ? 'filtered' : 'ok';
  const result = sized({
    event,
    kind,
    reads,
    writes,
    emits: settled.emits,
    bytes: 0,
    answer,
    doom: undefined,
    status: 'ready',
    committed: undefined,
  });
  if (writes.length > 0) draft.written[index] = result;
  if (!session.usesState && reads.length + writes.length > 0) {
    session.usesState = true;
    effects.push({ kind: 'state-used' });
  }
  session.breaker.wentWell(event, nowMs);
  addReady(session, result, nowMs);
}

/** undefined: it read what another event of the batch wrote, and that result does not stand. */
function readChecks(draft: Draft, outcome: OkOutcome): readonly ReadCheck[] | undefined {
  const { reads } = outcome;
  if (!reads.some(isOfBatch)) return reads;
  // Of one, nearly always: an empty array that is pushed to takes room for seventeen.
  const checks = new Array<ReadCheck>(reads.length);
  for (let i = 0; i < reads.length; i += 1) {
    const { key, version } = reads[i] as ReadCheck;
    const index = writerOf(version);
    const from = index === undefined ? undefined : draft.written[index];
    if (index !== undefined && (from === undefined || from.status === 'dropped')) return undefined;
    checks[i] = { key, version, from };
  }
  return checks;
}

function isOfBatch({ version }: ReadCheck): boolean {
  return writerOf(version) !== undefined;
}

/** Which event of the batch wrote what was read (`@<index>`); undefined: it came from the store. */
function writerOf(version: string | null): number | undefined {
  return version?.startsWith('@') === true ? Number(version.slice(1)) : undefined;
}

/** Texts of it are made when somebody asks: most emits inherit by bytes. */
class EventCause implements Cause {
  readonly record: EventAttributes;
  readonly #session: Session;
  readonly #event: PendingEvent;

  constructor(session: Session, event: PendingEvent) {
    this.record = event.attributes;
    this.#session = session;
    this.#event = event;
  }

  get live(): Cause['live'] {
    return this.#session.live;
  }

  get hop(): number {
    return this.record.hop;
  }

  get upstream(): Cause['upstream'] {
    return this.#session.upstream;
  }

  get eventId(): string {
    return eventIdOf(this.#session, this.#event);
  }

  get idempotencyKey(): string {
    return idempotencyKeyOf(this.#session, this.#event);
  }

  get place(): string | undefined {
    return keyPlaceOf(this.#session, this.#event);
  }

  get eventPlace(): string | undefined {
    return this.record.id === undefined && this.record.replay === undefined ? this.#session.eventPlace : undefined;
  }

  get offset(): number {
    return this.#event.offset;
  }

  get correlationId(): string | undefined {
    return this.record.correlationId;
  }

  get traceparent(): string | undefined {
    return this.record.traceparent;
  }
}

type Failure = Doom & { readonly reason: FailureReason };

function takeFailure(turn: Turn, event: PendingEvent, failure: Failure, retryable: boolean): void {
  const { session, fraction, effects } = turn;
  if (isCrash(failure)) {
    crashed(turn, event, failure);
    return;
  }
  if (isVoid(turn, event, failure)) return;
  event.failures += 1;
  const decision = decideRetry({ reason: failure.reason, retryable, failures: event.failures }, session.live.spec.retry, fraction);
  effects.push({ kind: 'failed', event, doom: failure, final: decision.kind === 'dead-letter' });
  if (decision.kind === 'dead-letter') {
    outOfAttempts(turn, event, failure);
    return;
  }
  if (event.failures >= session.live.spec.retry.attempts) session.blocked.add(event);
  retry(turn, event, decision.delayMs);
}

/**
 * A failure that says nothing of the event: of a revision that is not live any more, or one of nearly all. It is tried again and does not count as
 * an attempt.
 */
function isVoid(turn: Turn, event: PendingEvent, failure: Doom): boolean {
  const { session, draft, nowMs, effects } = turn;
  const isOld = draft.revision !== session.live.revision;
  if (!isOld) session.breaker.failed(event, failure, nowMs, draft.revision);
  if (!isOld && !session.breaker.isOpen) return false;
  effects.push({ kind: 'failed', event, doom: failure, final: false });
  retry(turn, event, backoffMs(1, session.live.spec.retry.backoffMs, turn.fraction));
  return true;
}

/** It ended its worker, and the pod knows that it was this one: as bad as the end of a pod that ran it alone. */
function crashed(turn: Turn, event: PendingEvent, failure: Failure): void {
  const { retry: spec } = turn.session.live.spec;
  event.suspect = true;
  if (isVoid(turn, event, failure)) return;
  event.exclusiveCrashes += 1;
  const isOver = isCrashedOut(event.exclusiveCrashes, spec);
  turn.effects.push({ kind: 'failed', event, doom: failure, final: isOver });
  if (isOver) outOfAttempts(turn, event, failure);
  else retry(turn, event, backoffMs(event.exclusiveCrashes, spec.backoffMs, turn.fraction));
}

/** Where nothing more can be held, it is tried again, as with `block`. */
function outOfAttempts(turn: Turn, event: PendingEvent, doom: Doom): void {
  const { session, nowMs, fraction } = turn;
  if (giveUp(session, event, doom, nowMs)) return;
  session.blocked.add(event);
  const { backoffMs: bounds, attempts } = session.live.spec.retry;
  retry(turn, event, backoffMs(attempts, bounds, fraction));
}

function retry(turn: Turn, event: PendingEvent, delayMs: number): void {
  event.notBeforeMs = turn.nowMs + delayMs;
  record(turn, event);
}

/**
 * Its pod or its worker ended: it runs alone from now on, and only an end while it does so counts against it. After one beside a direct call
 * it waits all the same: who called next is not to be hit at once.
 */
function suspect(turn: Turn, event: PendingEvent): void {
  event.suspect = true;
  if (turn.alone && !isCrashVoid(turn, event)) event.exclusiveCrashes += 1;
  if (turn.draft.alone) {
    const crashes = Math.max(1, event.exclusiveCrashes);
    event.notBeforeMs = turn.nowMs + backoffMs(crashes, turn.session.live.spec.retry.backoffMs, turn.fraction);
  }
  record(turn, event);
}

/** As `isVoid`, for the end of a whole pod. */
function isCrashVoid({ session, draft, nowMs }: Turn, event: PendingEvent): boolean {
  if (draft.revision !== session.live.revision) return true;
  session.breaker.failed(event, crashOf(event.exclusiveCrashes + 1), nowMs, draft.revision);
  return session.breaker.isOpen;
}

function record(turn: Turn, event: PendingEvent): void {
  event.hasAttempts = true;
  event.awaitsRecord = true;
  turn.recording.push(event);
  requeue(turn.session, event, turn.nowMs);
}

function recordAttempts(turn: Turn): void {
  const { recording: events } = turn;
  if (events.length === 0) return;
  const records = events.map(({ offset, suspect, exclusiveCrashes, failures }) => ({ offset, suspect, exclusiveCrashes, failures }));
  const suspects = events.filter(event => event.suspect);
  if (suspects.length > 0) turn.effects.push({ kind: 'suspected', events: suspects });
  turn.effects.push({ kind: 'record-attempts', records, events });
}

/**
 * All of them failed, and the handler named none: the guilty ones are found by halves. Otherwise each result counts for itself. In order of the
 * batch, so that an event is not overtaken by its own lane.
 */
function judgeWhole(turn: Turn): void {
  const { draft, session, nowMs, effects } = turn;
  const results = draft.held.splice(0).sort((a, b) => a.index - b.index);
  const failures = results.flatMap(({ outcome }) => (outcome.kind === 'failed' && outcome.retryable ? [outcome] : []));
  if (results.length < 2 || failures.length < results.length) {
    for (const result of results) takeResult(turn, result);
    return;
  }
  effects.push({ kind: 'batch-failed', events: results.length, timeout: failures.some(({ reason }) => reason === 'timeout') });
  for (const { index } of results) {
    const event = draft.events[index];
    if (event === undefined || !answered(session, draft, index)) continue;
    event.batchMax = Math.ceil(results.length / 2);
    session.lanes.ended(event);
    requeue(session, event, nowMs);
  }
}
