import type { UnitSample } from './observe.ts';
import type { ScalePolicy } from './policy.ts';
import { UnitScaling } from './unit-scaling.ts';

/** What comes, and what a pod of the function is like. Times in milliseconds, rates in events per second. */
export interface SimulatedWorld {
  /** Events of each slot. */
  readonly arrivals: readonly number[];
  readonly slotMs: number;
  /** When it begins; what a schedule goes by. Absent: 0. */
  readonly startAtMs?: number;
  /** Shares of the arrivals of partitions (`order: partition`) or of keys that matter by themselves; together 1. */
  readonly lanes: readonly SimulatedLane[];
  readonly serviceMs: number;
  readonly concurrency: number;
  readonly startMs: number;
  /** What all ready pods together get from something behind them, or from the machine that they share with others. */
  readonly downstreamRate?: (atMs: number, ready: number) => number;
  /** From the first to the second, nothing can be read of the log. */
  readonly blind?: readonly [fromMs: number, toMs: number];
  /** From the first to the second there is no controller. */
  readonly leaderless?: readonly [fromMs: number, toMs: number];
  /** By how much somebody sets the clock, and when. */
  readonly clockJump?: { readonly atMs: number; readonly byMs: number };
}

export interface SimulatedLane {
  readonly share: number;
  /** What it can do at most, whatever the number of pods; Infinity for the many keys together. */
  readonly rateMax: number;
}

/** What a scaler can see at a tick, and how many pods it wishes for then. */
export interface SimulatedView {
  readonly nowMs: number;
  readonly replicas: number;
  readonly ready: number;
  /** Queue and in flight. */
  readonly lagEvents: number;
  readonly waitingEvents: number;
  readonly arrivedTotal: number;
  readonly finishedTotal: number;
  readonly inFlight: number;
  readonly isFull: boolean;
  readonly busyMsTotal: number;
  readonly laneEnds: readonly number[];
  readonly laneDone: readonly number[];
}

export type SimulatedScaler = (view: SimulatedView) => number;

export interface SimulatedAction {
  readonly atMs: number;
  readonly from: number;
  readonly to: number;
}

export interface SimulatedResult {
  /** Of all events, 0..1; those that still wait at the end count by their age then. */
  readonly withinMaxAge: number;
  readonly p99AgeMs: number;
  readonly podHours: number;
  readonly actions: readonly SimulatedAction[];
  readonly lost: number;
}

/** Ages are counted in steps of so much, up to two hours. */
const ageStepMs = 250;
const ageSteps = (2 * 3_600_000) / ageStepMs;
const tickMs = 1_000;

/** Runs a load through pods that a scaler wishes for, in virtual time: the same world and scaler give the same result. */
export function simulate(world: SimulatedWorld, scaler: SimulatedScaler, start: { replicas: number; maxAgeMs: number }): SimulatedResult {
  const run = new Run(world, start.replicas);
  const ticks = Math.max(1, Math.round(tickMs / world.slotMs));
  for (let slot = 0; slot < world.arrivals.length; slot += 1) {
    run.slot(world.arrivals[slot] ?? 0);
    if (slot % ticks === ticks - 1 && !isWithin(world.leaderless, run.nowMs)) run.wish(scaler(run.view()));
  }
  return run.result(start.maxAgeMs);
}

function isWithin(span: readonly [number, number] | undefined, atMs: number): boolean {
  return span !== undefined && atMs >= span[0] && atMs < span[1];
}

interface Cohort {
  readonly atMs: number;
  count: number;
}

class Lane {
  readonly #share: number;
  readonly #rateMax: number;
  #queue: Cohort[] = [];
  #head = 0;
  waiting = 0;
  end = 0;

  constructor({ share, rateMax }: SimulatedLane) {
    this.#share = share;
    this.#rateMax = rateMax;
  }

  arrive(events: number, atMs: number): void {
    const count = events * this.#share;
    if (count <= 0) return;
    this.#queue.push({ atMs, count });
    this.waiting += count;
    this.end += count;
  }

  able(seconds: number): number {
    return Math.min(this.waiting, this.#rateMax * seconds);
  }

  get oldestMs(): number {
    return this.#queue[this.#head]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  finish(events: number, onDone: (count: number, arrivedMs: number) => void): void {
    let left = Math.min(events, this.waiting);
    this.waiting -= left;
    while (left > 0) {
      const cohort = this.#queue[this.#head];
      if (cohort === undefined) break;
      const count = Math.min(left, cohort.count);
      onDone(count, cohort.atMs);
      cohort.count -= count;
      left -= count;
      if (cohort.count <= 1e-9) this.#head += 1;
      else break;
    }
    if (this.#head > 1_000 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    if (this.waiting < 1e-6) this.waiting = 0;
  }
}

class Run {
  nowMs = 0;
  readonly #world: SimulatedWorld;
  readonly #lanes: readonly Lane[];
  readonly #ages = new Float64Array(ageSteps);
  readonly #actions: SimulatedAction[] = [];
  /** When pods that start will be ready, ascending. */
  #starting: number[] = [];
  #ready: number;
  #podMs = 0;
  #arrived = 0;
  #finished = 0;
  #busyMs = 0;
  #inFlight = 0;
  #isFull = false;

  constructor(world: SimulatedWorld, replicas: number) {
    this.#world = world;
    this.#lanes = world.lanes.map(lane => new Lane(lane));
    this.#ready = replicas;
  }

  slot(arrivals: number): void {
    const { slotMs, serviceMs, concurrency, downstreamRate } = this.#world;
    const seconds = slotMs / 1_000;
    this.nowMs += slotMs;
    this.#ready += this.#starting.filter(atMs => atMs <= this.nowMs).length;
    this.#starting = this.#starting.filter(atMs => atMs > this.nowMs);
    this.#podMs += (this.#ready + this.#starting.length) * slotMs;
    this.#arrived += arrivals;
    for (const lane of this.#lanes) lane.arrive(arrivals, this.nowMs - slotMs / 2);
    const podCapacity = ((this.#ready * concurrency * 1_000) / serviceMs) * seconds;
    const bound = downstreamRate?.(this.nowMs, this.#ready) ?? Number.POSITIVE_INFINITY;
    const capacity = Math.min(podCapacity, bound * seconds);
    const finished = this.#serve(capacity, seconds);
    const waiting = this.#waiting;
    // What a bound behind the pods makes events wait for, they wait for in the handler.
    const isBound = capacity < podCapacity && waiting > 0;
    this.#inFlight = isBound ? this.#ready * concurrency : Math.min(this.#ready * concurrency, (finished / seconds) * (serviceMs / 1_000));
    this.#busyMs += isBound ? this.#ready * concurrency * slotMs : finished * serviceMs;
    this.#isFull = this.#ready > 0 && waiting > 0 && finished >= capacity * 0.999;
    this.#finished += finished;
  }

  /** The oldest first while there is enough for all; else each lane its part. */
  #serve(capacity: number, seconds: number): number {
    const able = this.#lanes.map(lane => lane.able(seconds));
    const total = able.reduce((sum, events) => sum + events, 0);
    const part = total <= capacity ? 1 : capacity / total;
    this.#lanes.forEach((lane, index) => {
      lane.finish((able[index] ?? 0) * part, (count, arrivedMs) => this.#count(count, this.nowMs - arrivedMs + this.#world.serviceMs));
    });
    return Math.min(total, capacity);
  }

  view(): SimulatedView {
    const waiting = this.#waiting;
    return {
      nowMs: this.nowMs,
      replicas: this.#ready + this.#starting.length,
      ready: this.#ready,
      lagEvents: waiting + this.#inFlight,
      waitingEvents: waiting,
      arrivedTotal: this.#arrived,
      finishedTotal: this.#finished,
      inFlight: Math.round(this.#inFlight),
      isFull: this.#isFull,
      busyMsTotal: this.#busyMs,
      laneEnds: this.#lanes.map(lane => lane.end),
      laneDone: this.#lanes.map(lane => lane.end - lane.waiting),
    };
  }

  wish(replicas: number): void {
    const from = this.#ready + this.#starting.length;
    if (replicas === from) return;
    this.#actions.push({ atMs: this.nowMs, from, to: replicas });
    for (let count = from; count < replicas; count += 1) this.#starting.push(this.nowMs + this.#world.startMs);
    for (let count = from; count > replicas; count -= 1) {
      if (this.#starting.pop() === undefined) this.#ready -= 1;
    }
  }

  result(maxAgeMs: number): SimulatedResult {
    for (const lane of this.#lanes) lane.finish(lane.waiting, (count, arrivedMs) => this.#count(count, this.nowMs - arrivedMs));
    const total = this.#ages.reduce((sum, count) => sum + count, 0);
    const last = Math.floor(maxAgeMs / ageStepMs);
    const within = this.#ages.subarray(0, last).reduce((sum, count) => sum + count, 0);
    let below = 0;
    let step = 0;
    while (step < ageSteps - 1 && below + (this.#ages[step] ?? 0) < total * 0.99) {
      below += this.#ages[step] ?? 0;
      step += 1;
    }
    return {
      withinMaxAge: total === 0 ? 1 : within / total,
      p99AgeMs: (step + 1) * ageStepMs,
      podHours: this.#podMs / 3_600_000,
      actions: this.#actions,
      lost: Math.max(0, this.#arrived - total),
    };
  }

  get #waiting(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.waiting, 0);
  }

  #count(count: number, ageMs: number): void {
    const step = Math.min(ageSteps - 1, Math.max(0, Math.floor(ageMs / ageStepMs)));
    this.#ages[step] = (this.#ages[step] ?? 0) + count;
  }
}

/** The scaler itself, from samples to pods, with the policy of each moment and nothing tuned. `onDecision` sees each decision's inputs. */
export function scalerOf(
  world: SimulatedWorld,
  policyAt: (atMs: number) => ScalePolicy,
  onDecision?: Parameters<typeof watch>[1],
): SimulatedScaler {
  const scaling = new UnitScaling();

  return view => {
    const jumpMs = world.clockJump !== undefined && view.nowMs >= world.clockJump.atMs ? world.clockJump.byMs : 0;
    const isBlind = isWithin(world.blind, view.nowMs);
    const atMs = (world.startAtMs ?? 0) + view.nowMs + jumpMs;
    const sample: UnitSample = {
      atMs,
      steadyMs: view.nowMs,
      partitions: isBlind ? undefined : view.laneEnds.map((end, index) => partitionOf(index, end, view.laneDone[index] ?? 0)),
      busyMsTotal: view.busyMsTotal,
      inFlight: view.inFlight,
      isFull: view.isFull,
      usefulPods: undefined,
      openCalls: 0,
      callsTotal: 0,
      askedPods: view.replicas === 0 && view.waitingEvents > 0 ? 1 : 0,
      pods: { ready: view.ready, starting: view.replicas - view.ready, draining: 0 },
      replicas: view.replicas,
      paused: false,
    };
    const decision = scaling.tick(sample, policyAt(atMs), 60_000);
    watch(scaling, onDecision);
    return decision.replicas;
  };
}

function watch(scaling: UnitScaling, onDecision?: (inputs: NonNullable<UnitScaling['latest']>) => void): void {
  if (onDecision !== undefined && scaling.latest !== undefined) onDecision(scaling.latest);
}

function partitionOf(index: number, end: number, done: number) {
  return { name: `trace.${index}`, endOffset: end, frontier: done, doneAbove: 0 };
}
