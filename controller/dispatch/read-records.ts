import { hopMax } from '../../runtime/protocol/headers.ts';
import { type PackedRecord, packRecord } from '../../runtime/protocol/record.ts';
import type { ReadResult, StreamRecord } from '../ports/streams.ts';
import { type EventAttributes, readAttributes } from './event-attributes.ts';
import { passesFilter } from './event-filter.ts';
import { type Doom, type Lane, PendingEvent } from './pending-event.ts';
import type { Session } from './session-state.ts';

/** Takes what a fetch answered into the lanes. Holes and what needs no handling are done at once, or the frontier would stop there for ever. */
export function readRecords(session: Session, result: ReadResult, nowMs: number): void {
  for (const record of result.records) {
    if (record.offset < session.position) continue;
    passOver(session, session.position, record.offset);
    session.position = record.offset + 1;
    readRecord(session, record, nowMs);
  }
  if (result.nextOffset > session.position) {
    passOver(session, session.position, result.nextOffset);
    session.position = result.nextOffset;
  }
}

/** How much may be read now; undefined: nothing, until something is committed. */
export function fetchLimit(session: Session, enoughEvents: number): { records: number; bytes: number } | undefined {
  const records = session.frontier + session.limits.windowOffsetsMax - session.position;
  const bytes = session.limits.bytesMax - session.heldBytes;
  const { parallel, queued, waiting } = session.lanes;
  const isEnough = parallel >= enoughEvents || (queued >= enoughEvents && waiting >= enoughLanes);
  if (session.stopping || session.ended !== undefined || records <= 0 || bytes <= 0 || isEnough) return undefined;
  return { records: Math.min(records, fetchRecordsMax), bytes: Math.min(bytes, fetchBytesMax) };
}

/**
 * So many lanes keep pods busy, if each has a few events. Those count that are barred for the moment as well: with state most of them are, and reading on
 * for free ones would fill the window, seconds of work that wait in memory.
 */
const enoughLanes = 64;
const fetchRecordsMax = 1_000;
const fetchBytesMax = 2 ** 20;

function readRecord(session: Session, record: StreamRecord, nowMs: number): void {
  const { offset } = record;
  const packed = packRecord(record);
  const attributes = readAttributes(packed);
  const { upstream } = attributes;
  if (upstream !== undefined && session.filter.isDuplicate(offset, upstream.stream, upstream.seq)) {
    session.skipped.duplicate += 1;
    passOver(session, offset, offset + 1);
    return;
  }
  if (offset < session.frontier || session.doneBefore.has(offset)) return;
  const { filter } = session.subscription;
  if (filter !== undefined && !passesFilter(filter, record.key, record.headers)) {
    session.skipped.filtered += 1;
    passOver(session, offset, offset + 1);
    return;
  }
  const event = pendingEvent(session, record, packed, attributes);
  session.heldBytes += event.bytes;
  session.openEvents += 1;
  session.arrivals.push(event);
  queue(session, event, nowMs);
}

/** Into its lane, or behind the event with the same id that is being handled. */
export function queue(session: Session, event: PendingEvent, nowMs: number): void {
  const first = event.dedupeId === undefined ? undefined : session.openIds.get(event.dedupeId);
  if (first !== undefined) {
    first.repeats ??= [];
    first.repeats.push(event);
    return;
  }
  if (event.dedupeId !== undefined) session.openIds.set(event.dedupeId, event);
  session.lanes.add(event, nowMs);
}

/** Marks offsets as done that are not done yet. */
function passOver(session: Session, from: number, to: number): void {
  let start = Math.max(from, session.frontier);
  for (const [doneFrom, doneTo] of session.doneBefore.toArray()) {
    if (doneTo <= start) continue;
    if (doneFrom >= to) break;
    session.autoDone.add(start, doneFrom);
    start = doneTo;
  }
  session.autoDone.add(start, to);
}

/** A new one, with the attempts that an earlier owner wrote down. */
export function pendingEvent(session: Session, record: StreamRecord, packed: PackedRecord, attributes: EventAttributes): PendingEvent {
  const event = new PendingEvent(record, packed, attributes, dedupeIdOf(session, attributes), laneOf(session, packed));
  const before = session.attemptsBefore.get(record.offset);
  if (before !== undefined) {
    event.hasAttempts = true;
    event.failures = before.failures;
    event.suspect = before.suspect;
    event.exclusiveCrashes = before.exclusiveCrashes;
  }
  if (attributes.hop > hopMax) event.doom = loopDoom(attributes.hop);
  return event;
}

/** CloudEvents id, or the position. */
export function eventIdOf(session: Pick<Session, 'topic' | 'partition'>, event: PendingEvent): string {
  return event.attributes.id ?? positionOf(session, event.offset, event.attributes);
}

/** `<topic>/<partition>/<offset>` of the record, or of the first origin of a replay. */
export function positionOf(session: Pick<Session, 'topic' | 'partition'>, offset: number, attributes: EventAttributes): string {
  const origin = attributes.replay?.origin;
  return origin === undefined ? `${session.topic}/${session.partition}/${offset}` : `${origin.topic}/${origin.partition}/${origin.offset}`;
}

function dedupeIdOf(session: Session, attributes: EventAttributes): string | undefined {
  if (!session.subscription.inbox) return undefined;
  const { id, replay } = attributes;
  if (replay !== undefined) return `${id ?? ''}#${replay.token}`;
  return id;
}

function laneOf(session: Session, { keyText }: PackedRecord): Lane | undefined {
  switch (session.subscription.order) {
    case 'partition':
      return session.lanes.lane('*');
    case 'key':
      return keyText === null ? undefined : session.lanes.lane(keyText);
    default:
      return undefined;
  }
}

function loopDoom(hop: number): Doom {
  const message = `the chain of functions is ${hop} hops long; ${hopMax} is the most`;
  return { reason: 'loop', error: { code: 'FAAS_LOOP', name: 'FaasError', message, stack: undefined } };
}
