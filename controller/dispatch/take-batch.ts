import type { BatchEvent } from '../../runtime/protocol/messages.ts';
import { PackedBody } from '../../runtime/protocol/record.ts';
import type { Origin } from './dead-letter.ts';
import { isHeldBack, stalesMax, type TakeLimit } from './lanes.ts';
import { giveUp, hold, isFull } from './parking.ts';
import type { PendingEvent } from './pending-event.ts';
import { positionOf } from './read-records.ts';
import { markKnown } from './results.ts';
import { isCrashedOut } from './retry.ts';
import type { Draft, Effect, Input, Session } from './session-state.ts';

/** What a pod offers. */
export interface Offer extends TakeLimit {
  /** Read the state of the events' keys before they are sent. */
  readonly prefetch: boolean;
  readonly handler: 'event' | 'batch';
  /** That the pod has loaded. */
  readonly revision: string;
}

/** How many events could be taken for a shared batch, at least one when any. 0 also while the batch window is open. */
export function offerable(session: Session, nowMs: number): number {
  const { lanes, subscription } = session;
  if (session.stopping || session.ended !== undefined || lanes.parallel === 0) return 0;
  if (session.loner !== undefined || hasLoner(session)) return 0;
  if (windowEndMs(session, nowMs) !== undefined) return 0;
  return Math.max(lanes.parallel, Math.min(lanes.queued, subscription.batch.size));
}

/** Until when events wait for a fuller batch; undefined: none waits for that, because one that did once is not to do so again. */
export function windowEndMs(session: Session, nowMs: number): number | undefined {
  const { windowMs, size } = session.subscription.batch;
  if (windowMs === 0 || session.lanes.parallel === 0 || session.lanes.queued >= size) return undefined;
  session.windowSinceMs ??= nowMs;
  if (session.lanes.hasAgain) return undefined;
  const endMs = session.windowSinceMs + windowMs;
  return nowMs < endMs ? endMs : undefined;
}

/** Events for a pod that others share. */
export function takeShared(session: Session, offer: Offer, nowMs: number): Draft | undefined {
  const isEarly = session.lanes.hasAgain;
  const events = session.lanes.take(offer, nowMs);
  // What waits for others goes on with that where one that came back was sent before its time.
  if (events.length > 0 && !(isEarly && session.lanes.parallel > 0)) session.windowSinceMs = undefined;
  return events.length === 0 ? undefined : draft(session, events, { ...offer, alone: false });
}

/** Heads of lanes that need no pod: events that are dead letters before they run. */
export function settleDoomed(session: Session, nowMs: number, effects: Effect[]): void {
  for (const event of session.lanes.special) {
    if (isHeldBack(event.lane)) {
      if (isFull(session) || !session.lanes.takeSpecial(event, nowMs)) continue;
      session.lanes.ended(event);
      hold(session, event, undefined, nowMs);
      continue;
    }
    const doom = event.doom ?? crashDoom(session, event);
    if (doom === undefined || (session.breaker.isOpen && doom !== event.doom) || !session.lanes.takeSpecial(event, nowMs)) continue;
    session.lanes.ended(event);
    effects.push({ kind: 'failed', event, doom, final: true });
    giveUp(session, event, doom, nowMs);
  }
}

/** Whether a suspect waits for a pod of its own. */
export function hasSuspect(session: Session): boolean {
  if (session.stopping || session.ended !== undefined) return false;
  for (const event of session.lanes.special) if (isSuspect(event)) return true;
  return false;
}

/** A suspect, for a pod that runs nothing else. */
export function takeSuspect(session: Session, offer: Omit<Offer, keyof TakeLimit>, nowMs: number): Draft | undefined {
  for (const event of session.lanes.special) {
    if (isSuspect(event) && session.lanes.takeSpecial(event, nowMs)) return draft(session, [event], { ...offer, alone: true });
  }
  return undefined;
}

/** Whether an event waits that others kept overtaking: nothing else of the partition is taken until it has run. */
export function hasLoner(session: Session): boolean {
  for (const event of session.lanes.special) if (isLoner(event)) return true;
  return false;
}

/** How long it waits for the others to end; beyond that it has to take its chance against them. */
const lonerPatienceMs = 1_000;

/** That event, once the partition is quiet, or has been waited for long enough. */
export function takeLoner(session: Session, offer: Omit<Offer, keyof TakeLimit>, nowMs: number): Draft | undefined {
  if (session.stopping || session.loner !== undefined) return undefined;
  const isQuiet = session.running === 0 && session.ready.length === 0 && session.commit === undefined;
  session.lonerSinceMs ??= nowMs;
  if (!isQuiet && nowMs < session.lonerSinceMs + lonerPatienceMs) return undefined;
  session.lonerSinceMs = undefined;
  for (const event of session.lanes.special) {
    if (!isLoner(event) || !session.lanes.takeSpecial(event, nowMs)) continue;
    session.loner = event;
    return draft(session, [event], { ...offer, alone: false });
  }
  return undefined;
}

/** When it stops waiting for them; undefined: none waits. */
export function lonerAtMs(session: Session): number | undefined {
  return session.lonerSinceMs === undefined ? undefined : session.lonerSinceMs + lonerPatienceMs;
}

/** The draft as the wire wants it, without the events whose ids turned out to be known. */
export function sendDraft(session: Session, of: Draft, found: Extract<Input, { kind: 'prepared' }>, effects: Effect[]): void {
  const { state, known, nowMs } = found;
  if (known.length > 0) leaveOut(session, of, new Set(known.map(({ id }) => id)), nowMs);
  const events = of.events.map((event, index) => new SentEvent(session, event, index));
  if (events.length > 0) effects.push({ kind: 'run', draft: of, events, state });
}

/** On the wire an event is its place in the batch, so that those behind a gap move up. */
function leaveOut(session: Session, of: Draft, ids: ReadonlySet<string>, nowMs: number): void {
  const isKnown = ({ dedupeId }: PendingEvent) => dedupeId !== undefined && ids.has(dedupeId);
  const known = of.events.filter(isKnown);
  of.events = of.events.filter(event => !isKnown(event));
  of.answered = of.events.map(() => false);
  of.unanswered = of.events.length;
  session.running -= known.length;
  for (const event of known) {
    session.lanes.ended(event);
    markKnown(session, event, nowMs);
  }
}

/** The event at this index has its answer; false: it had one already. */
export function answered(session: Session, of: Draft, index: number): boolean {
  if (of.answered[index] !== false) return false;
  of.answered[index] = true;
  of.unanswered -= 1;
  session.running -= 1;
  return true;
}

function draft(session: Session, events: readonly PendingEvent[], how: Omit<Offer, keyof TakeLimit> & { readonly alone: boolean }): Draft {
  session.draftsMade += 1;
  session.running += events.length;
  const made: Draft = {
    id: session.draftsMade,
    events,
    revision: how.revision,
    alone: how.alone,
    keys: how.prefetch ? keysOf(events) : [],
    ids: idsOf(events),
    answered: new Array<boolean>(events.length).fill(false),
    unanswered: events.length,
    written: [],
    whole: how.handler === 'batch' && events.length > 1,
    held: [],
  };
  return made;
}

function idsOf(events: readonly PendingEvent[]): readonly string[] {
  let ids: string[] | undefined;
  for (const { dedupeId } of events) {
    if (dedupeId === undefined) continue;
    ids ??= [];
    ids.push(dedupeId);
  }
  return ids ?? none;
}

const none: readonly never[] = [];

function keysOf(events: readonly PendingEvent[]): string[] {
  const keys = new Set<string>();
  for (const { packed } of events) if (packed.keyText !== null) keys.add(packed.keyText);
  return [...keys];
}

/** An event on its way to a pod: its record is passed on as it is. It lives for one message, so all else is asked for. */
class SentEvent extends PackedBody implements BatchEvent {
  readonly index: number;
  readonly #session: Session;
  readonly #event: PendingEvent;
  readonly #origin: Origin | undefined;

  constructor(session: Session, event: PendingEvent, index: number) {
    super(event.packed);
    this.index = index;
    this.#session = session;
    this.#event = event;
    this.#origin = event.attributes.replay?.origin;
  }

  get attempt(): number {
    return this.#event.failures + this.#event.exclusiveCrashes + 1;
  }

  get trigger(): BatchEvent['trigger'] {
    return this.#event.attributes.trigger ?? 'stream';
  }

  get stream(): string {
    return this.#origin?.stream ?? this.#session.subscription.stream;
  }

  get topic(): string {
    return this.#origin?.topic ?? this.#session.topic;
  }

  get partition(): number {
    return this.#origin?.partition ?? this.#session.partition;
  }

  get offset(): number {
    return this.#origin?.offset ?? this.#event.offset;
  }

  get appendedAtMs(): number {
    return this.#event.record.appendedAtMs;
  }

  get remainingMs(): undefined {
    return undefined;
  }

  get noAnswer(): boolean {
    return isForNobody(this.#session, this.#event);
  }

  get keyedByPlace(): boolean {
    return isKeyedByPlace(this.#session, this.#event);
  }

  get idempotencyKey(): string {
    return idempotencyKeyOf(this.#session, this.#event);
  }
}

/** A delivery that was answered before it was handled, or whose webhook is not in the manifest any more. A replay is what its event was. */
function isForNobody({ live }: Session, { attributes }: PendingEvent): boolean {
  if (attributes.trigger !== 'webhook') return false;
  return !live.spec.on.some(on => on.kind === 'webhook' && on.respond === 'result' && on.path === attributes.triggerName);
}

/** Stable over attempts, replays and repeated appends: by id for what came through the inbox, by position for records of a stream. */
export function idempotencyKeyOf(session: Session, event: PendingEvent): string {
  const { attributes } = event;
  const name = isKeyedByPlace(session, event) ? undefined : attributes.id;
  return `${session.source.unit}/${name ?? positionOf(session, event.offset, attributes)}`;
}

/** What the idempotency key begins with, where the event's own offset is all that follows. */
export function keyPlaceOf(session: Session, event: PendingEvent): string | undefined {
  return event.attributes.replay === undefined && isKeyedByPlace(session, event) ? session.place : undefined;
}

function isKeyedByPlace({ subscription }: Session, { attributes }: PendingEvent): boolean {
  if (!subscription.inbox || attributes.id === undefined) return true;
  return attributes.replay !== undefined && attributes.replay.origin.stream !== '';
}

function isSuspect(event: PendingEvent): boolean {
  return event.suspect && !isHeldBack(event.lane);
}

function isLoner(event: PendingEvent): boolean {
  return event.stales >= stalesMax && !event.suspect && !isHeldBack(event.lane);
}

function crashDoom(session: Session, event: PendingEvent) {
  return isCrashedOut(event.exclusiveCrashes, session.live.spec.retry) ? crashOf(event.exclusiveCrashes) : undefined;
}

/** Why an event is given up that ended its pod so often. */
export function crashOf(crashes: number) {
  const message = `its pod ended ${crashes} times while it ran this event alone`;
  return { reason: 'crash', error: { code: 'FAAS_POD_CRASH', name: 'FaasError', message, stack: undefined } } as const;
}
