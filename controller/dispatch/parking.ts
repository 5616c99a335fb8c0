import type { ParkedEvent, ParkingChange } from '../ports/state.ts';
import { readAttributes } from './event-attributes.ts';
import { packParked, unpackParked } from './parked-entry.ts';
import type { Doom, PendingEvent, Result } from './pending-event.ts';
import { pendingEvent } from './read-records.ts';
import { addReady, deadLetterResult, drop, sized } from './results.ts';
import type { CommitInFlight, Effect, Session } from './session-state.ts';

/** Held back per partition; more of them stop it, as `block` does. */
export const parkedEventsMax = 10_000;
/** Keys of a partition whose parked events run side by side. */
const replaysMax = 64;

/** Out of attempts: a dead letter, a hold of its key, or the end of that key's replay. False: no room for a hold, it is to be tried again. */
export function giveUp(session: Session, event: PendingEvent, doom: Doom, nowMs: number): boolean {
  const { retry } = session.live.spec;
  const isParking = retry.onExhausted === 'park' && doom.reason !== 'loop';
  if (isParking && event.parkedKey !== undefined) addReady(session, plainResult(event, 'stuck', doom), nowMs);
  else if (isParking && event.lane !== undefined && session.subscription.order === 'key') {
    if (isFull(session)) return false;
    hold(session, event, doom, nowMs);
  } else addReady(session, deadLetterResult(session, event, doom, nowMs), nowMs);
  return true;
}

/** It does not run: its bytes go to the end of what its key has parked. */
export function hold(session: Session, event: PendingEvent, doom: Doom | undefined, nowMs: number): void {
  const entry = packParked(event, {
    version: 1,
    appendedAtMs: event.record.appendedAtMs,
    suspect: event.suspect,
    failures: event.failures,
    crashes: event.exclusiveCrashes,
    heldAtMs: nowMs,
    revision: session.live.revision,
    doom,
  });
  addReady(session, sized({ ...plainResult(event, 'held', doom), entry }), nowMs);
}

export function isFull(session: Session): boolean {
  return session.parkedEvents + session.ready.length >= parkedEventsMax;
}

/** What a commit changes of parked keys; `known`: events that turned out to be handled, parked ones among them. */
export function parkingOf(group: readonly Result[], known: readonly PendingEvent[]): ParkingChange | undefined {
  // Seldom any, and the rest would cost every event.
  if (!group.some(isParking) && !known.some(({ parkedKey }) => parkedKey !== undefined)) return undefined;
  const holds = group.flatMap(({ event, entry }) => {
    const key = event.packed.keyText;
    return entry === undefined || key === null ? [] : [{ key, offset: event.offset, entry }];
  });
  const replayed = group.flatMap(({ event, kind }) => (event.parkedKey === undefined ? [] : [{ key: event.parkedKey, kind, event }]));
  const pops = replayed.filter(({ kind }) => kind !== 'stuck').map(({ key, event }) => ({ key, offset: event.offset }));
  for (const { parkedKey, offset } of known) if (parkedKey !== undefined) pops.push({ key: parkedKey, offset });
  const unflags = replayed.filter(({ kind }) => kind === 'stuck').map(({ key }) => key);
  return holds.length + pops.length + unflags.length === 0 ? undefined : { holds, pops, unflags };
}

function isParking({ event, entry }: Result): boolean {
  return entry !== undefined || event.parkedKey !== undefined;
}

/** The commit is applied; the lanes of what it held are still barred by it. */
export function noteHolds(session: Session, { request }: CommitInFlight): void {
  for (const { key } of request.parking?.holds ?? []) {
    const parked = session.parked.get(key) ?? { events: 0, loaded: [], current: undefined, loading: false };
    session.parked.set(key, { ...parked, events: parked.events + 1 });
    session.lanes.lane(key).parked = true;
    session.parkedEvents += 1;
  }
}

/** As `noteHolds`, for what ran again: the next one of its key, or the key is free. */
export function notePops(session: Session, { request }: CommitInFlight, nowMs: number): void {
  for (const { key } of request.parking?.pops ?? []) {
    const parked = session.parked.get(key);
    if (parked === undefined) continue;
    session.parkedEvents -= 1;
    if (parked.events <= 1) unpark(session, key, nowMs);
    else session.parked.set(key, { ...parked, events: parked.events - 1, current: undefined });
  }
  for (const key of request.parking?.unflags ?? []) {
    const parked = session.parked.get(key);
    if (parked !== undefined) session.parked.set(key, { ...parked, loaded: [], current: undefined });
    session.replaying.delete(key);
  }
}

export function askReplay(session: Session, keys: readonly string[]): void {
  for (const key of keys) if (session.parked.has(key)) session.replaying.add(key);
}

/** One event of a key at a time, in order. */
export function replayNext(session: Session, nowMs: number, effects: Effect[]): void {
  if (session.stopping) return;
  let running = 0;
  for (const key of session.replaying) {
    const parked = session.parked.get(key);
    running += 1;
    if (parked === undefined || running > replaysMax) return;
    if (parked.current !== undefined || parked.loading) continue;
    const [next, ...loaded] = parked.loaded;
    if (next === undefined) {
      session.parked.set(key, { ...parked, loading: true });
      effects.push({ kind: 'load-parked', key });
    } else session.parked.set(key, { ...parked, loaded, current: start(session, key, next, nowMs) });
  }
}

export function takeLoaded(session: Session, key: string, events: readonly ParkedEvent[], nowMs: number): void {
  const parked = session.parked.get(key);
  if (parked === undefined) return;
  if (events.length === 0) unpark(session, key, nowMs);
  else session.parked.set(key, { ...parked, loading: false, loaded: events });
}

function start(session: Session, key: string, { offset, entry }: ParkedEvent, nowMs: number): PendingEvent {
  const { facts, packed } = unpackParked(entry);
  const record = { offset, appendedAtMs: facts.appendedAtMs, key: packed.key, value: packed.value, headers: packed.headers, packed };
  const event = pendingEvent(session, record, packed, readAttributes(packed));
  // It has all its attempts again: those that the store may still know of its offset are the ones that parked it.
  const anew = { failures: 0, exclusiveCrashes: 0, suspect: event.suspect || facts.suspect };
  Object.assign(event, { lane: undefined, parkedKey: key, ...anew });
  session.heldBytes += event.bytes;
  session.openEvents += 1;
  session.lanes.add(event, nowMs);
  return event;
}

/** Nothing of the key is left: what came meanwhile and is not committed as held runs, and all that comes. */
function unpark(session: Session, key: string, nowMs: number): void {
  session.parked.delete(key);
  session.replaying.delete(key);
  const lane = session.lanes.lane(key);
  lane.parked = false;
  for (const result of session.ready) if (result.kind === 'held' && result.event.lane === lane) drop(session, result, nowMs);
  session.lanes.refresh(lane, nowMs);
}

function plainResult(event: PendingEvent, kind: 'held' | 'stuck', doom: Doom | undefined): Result {
  const nothing = { reads: [], writes: [], emits: [], answer: undefined, committed: undefined };
  return { ...nothing, event, kind, doom, bytes: 0, status: 'ready' };
}
