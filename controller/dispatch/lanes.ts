import { DueQueue } from './due-queue.ts';
import { Fifo } from './fifo.ts';
import { LateMap, LateSet } from './late-map.ts';
import type { Lane, PendingEvent } from './pending-event.ts';

export interface TakeLimit {
  readonly events: number;
  readonly bytes: number;
}

/** Lanes that are kept whether something is in them or not. */
const lanesMin = 512;

/** Refused this often in a row, an event runs while nothing else of its partition does. */
export const stalesMax = 3;

/**
 * Which events may run now. A lane is free when nothing of it runs and nothing bars it; its head is then listed: to be taken, to be decided on
 * by itself (`special`), or to wait for its time. Every entry of a list is judged again when it is taken, so that an old one does no harm.
 */
export class Lanes {
  readonly special = new LateSet<PendingEvent>();
  /** Idle ones stay for a while: keys come again, and a Map that is added to and deleted from all the time keeps what it had alive. */
  readonly #lanes = new LateMap<string, Lane>();
  #sweepAt = lanesMin;
  readonly #ready = new Fifo<Lane>();
  /** Events without a lane. */
  readonly #free = new Fifo<PendingEvent>();
  readonly #delayed = new DueQueue<PendingEvent>();
  /** Those that came back and are listed to be taken. */
  readonly #again = new LateSet<PendingEvent>();
  #queued = 0;
  /** Lanes in which events wait. */
  #waiting = 0;
  #turn = false;

  lane(name: string): Lane {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      if (this.#lanes.size >= this.#sweepAt) this.#sweep();
      lane = { name, queue: [], running: [], barring: 0, uncommitted: 0, listed: false, parked: false, holds: 0 };
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  /** Lanes and single events that could run side by side now. */
  get parallel(): number {
    return this.#ready.length + this.#free.length;
  }

  /** Lanes and single events in which something waits, the barred ones included. */
  get waiting(): number {
    return this.#waiting + this.#free.length;
  }

  /** Events that wait, the barred ones included. */
  get queued(): number {
    return this.#queued;
  }

  /** Whether an event could run now that had been taken for a batch: it has waited for others then. */
  get hasAgain(): boolean {
    for (const event of this.#again) if (isHead(event) && !isSpecial(event)) return true;
    return false;
  }

  get nextDueAtMs(): number | undefined {
    return this.#delayed.nextAtMs;
  }

  /** A new event; its offset is above all others of its lane. */
  add(event: PendingEvent, nowMs: number): void {
    this.#queued += 1;
    const lane = this.#bind(event);
    if (lane === undefined) {
      this.#list(event, nowMs);
      return;
    }
    if (lane.queue.length === 0) this.#waiting += 1;
    lane.queue.push(event);
    this.refresh(lane, nowMs);
  }

  /** An event that is to run again, at its place among the others of its lane. */
  requeue(event: PendingEvent, nowMs: number): void {
    this.#queued += 1;
    event.cameBack = true;
    const lane = this.#bind(event);
    if (lane === undefined) {
      this.#list(event, nowMs);
      return;
    }
    if (lane.queue.length === 0) this.#waiting += 1;
    const at = lane.queue.findIndex(other => other.offset > event.offset);
    lane.queue.splice(at < 0 ? lane.queue.length : at, 0, event);
    if (lane.queue[0] === event) lane.listed = false;
    this.refresh(lane, nowMs);
  }

  /** The event runs no more, whatever came of it. */
  ended(event: PendingEvent): void {
    const { lane } = event;
    if (lane === undefined) return;
    const { running } = lane;
    // They end in their order, nearly always, and `splice` makes an array of what it takes out.
    if (running[0] === event) running.shift();
    else if (running.includes(event)) running.splice(running.indexOf(event), 1);
  }

  /** Lists the head of a lane that is free. */
  refresh(lane: Lane, nowMs: number): void {
    const [head] = lane.queue;
    if (head !== undefined && !lane.listed && isFree(lane)) this.#list(head, nowMs);
  }

  /** Forgets lanes that are empty. An event that was known all along may still hold one of them, and gets another of its name when it comes back. */
  #sweep(): void {
    for (const [name, { queue, running, uncommitted, parked }] of this.#lanes) {
      if (queue.length === 0 && running.length === 0 && uncommitted === 0 && !parked) this.#lanes.delete(name);
    }
    this.#sweepAt = Math.max(lanesMin, this.#lanes.size * 2);
  }

  /** The attempt of an event is stored: it may go on. */
  recorded(event: PendingEvent, nowMs: number): void {
    event.awaitsRecord = false;
    if (event.lane === undefined) this.#list(event, nowMs);
    else this.refresh(event.lane, nowMs);
  }

  wake(nowMs: number): void {
    for (let event = this.#delayed.takeDue(nowMs); event !== undefined; event = this.#delayed.takeDue(nowMs)) this.#relist(event, nowMs);
  }

  /** Takes heads of free lanes, with the events behind them where there is room, and marks them running. */
  take(limit: TakeLimit, nowMs: number): PendingEvent[] {
    const taken: PendingEvent[] = [];
    const room = { events: limit.events, bytes: limit.bytes };
    // Rounded up and down in turns, so that neither kind starves where there is room for one.
    this.#turn = !this.#turn;
    const ofFree = (limit.events * this.#free.length) / Math.max(1, this.parallel);
    const forFree = this.#turn ? Math.ceil(ofFree) : Math.floor(ofFree);
    const share = Math.max(1, Math.floor((limit.events - forFree) / Math.max(1, this.#ready.length)));
    while (taken.length < limit.events - forFree && this.#takeRun(taken, room, share, nowMs));
    while (taken.length < limit.events && this.#takeFree(taken, room));
    this.#queued -= taken.length;
    return taken;
  }

  /** Takes one event that is decided on by itself; false when it is no head of a free lane any more. */
  takeSpecial(event: PendingEvent, nowMs: number): boolean {
    this.special.delete(event);
    this.#again.delete(event);
    const { lane } = event;
    if (lane !== undefined) {
      lane.listed = false;
      if (lane.queue[0] !== event || !isFree(lane)) {
        this.refresh(lane, nowMs);
        return false;
      }
      lane.queue.shift();
      if (lane.queue.length === 0) this.#waiting -= 1;
      lane.running.push(event);
    }
    this.#queued -= 1;
    return true;
  }

  /** Whether an earlier event of its lane is to run again or still runs: its own result then came too early. */
  isOvertaking(event: PendingEvent): boolean {
    const { lane } = event;
    if (lane === undefined) return false;
    const [queued] = lane.queue;
    const [running] = lane.running;
    return (queued !== undefined && queued.offset < event.offset) || (running !== undefined && running.offset < event.offset);
  }

  /** A lane is forgotten while nothing of it is left; who comes back finds the one of today. */
  #bind(event: PendingEvent): Lane | undefined {
    if (event.lane !== undefined) event.lane = this.lane(event.lane.name);
    return event.lane;
  }

  #list(event: PendingEvent, nowMs: number): void {
    if (event.awaitsRecord) return;
    const { lane } = event;
    if (lane !== undefined) lane.listed = true;
    if (event.notBeforeMs > nowMs) this.#delayed.add(event.notBeforeMs, event);
    else if (isSpecial(event)) this.special.add(event);
    else this.#listShared(event);
  }

  #listShared(event: PendingEvent): void {
    if (event.cameBack) this.#again.add(event);
    if (event.lane === undefined) this.#free.push(event);
    else this.#ready.push(event.lane);
  }

  #relist(event: PendingEvent, nowMs: number): void {
    if (event.lane === undefined) {
      this.#list(event, nowMs);
      return;
    }
    event.lane.listed = false;
    this.refresh(event.lane, nowMs);
  }

  /** False: no lane is left, or no room. */
  #takeRun(taken: PendingEvent[], room: { events: number; bytes: number }, share: number, nowMs: number): boolean {
    const lane = this.#ready.shift();
    if (lane === undefined) return false;
    lane.listed = false;
    const [head] = lane.queue;
    if (head === undefined || !isFree(lane)) return true;
    let run = 0;
    while (run < share && fits(lane.queue[run], taken.length, room, nowMs)) {
      const event = lane.queue[run];
      if (event === undefined) break;
      this.#admit(event, taken, room);
      lane.running.push(event);
      run += 1;
    }
    if (run > 0) {
      if (run === 1) lane.queue.shift();
      else lane.queue.splice(0, run);
      if (lane.queue.length === 0) this.#waiting -= 1;
    } else this.#list(head, nowMs);
    return run > 0 || head.awaitsRecord || isSpecial(head) || head.notBeforeMs > nowMs;
  }

  #takeFree(taken: PendingEvent[], room: { events: number; bytes: number }): boolean {
    const event = this.#free.peek();
    if (event === undefined || !fits(event, taken.length, room, Number.POSITIVE_INFINITY)) return false;
    this.#free.shift();
    this.#admit(event, taken, room);
    return true;
  }

  #admit(event: PendingEvent, taken: PendingEvent[], room: { events: number; bytes: number }): void {
    if (event.cameBack) this.#again.delete(event);
    taken.push(event);
    room.bytes -= event.bytes;
    room.events = Math.min(room.events, event.batchMax);
  }
}

/** Its events do not run, but are held behind the parked ones. */
export function isHeldBack(lane: Lane | undefined): boolean {
  return lane !== undefined && (lane.parked || lane.holds > 0);
}

function isFree(lane: Lane): boolean {
  return lane.running.length === 0 && lane.barring === 0;
}

function isHead(event: PendingEvent): boolean {
  return event.lane === undefined || (event.lane.queue[0] === event && isFree(event.lane));
}

/** Is not put into a batch with others before somebody has decided so. */
function isSpecial(event: PendingEvent): boolean {
  return event.suspect || event.doom !== undefined || event.stales >= stalesMax || isHeldBack(event.lane);
}

function fits(event: PendingEvent | undefined, count: number, room: { events: number; bytes: number }, nowMs: number): boolean {
  if (event === undefined || event.awaitsRecord || event.notBeforeMs > nowMs || isSpecial(event)) return false;
  return count === 0 || (count < Math.min(room.events, event.batchMax) && event.bytes <= room.bytes);
}
