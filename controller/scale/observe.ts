import { known, measured, unknown } from './figure.ts';
import type { PartitionWork, ScaleObservation } from './observation.ts';
import { type PartitionRow, PartitionRows, type PartitionSample } from './partition-rows.ts';
import type { ScalePolicy } from './policy.ts';
import { RateWindow } from './rates.ts';

/** What is read of one function in one tick. Totals only grow. */
export interface UnitSample {
  readonly atMs: number;
  readonly steadyMs: number;
  /** Undefined: the log or the progress could not be read. Good for this moment: who takes it keeps none of them. */
  readonly partitions: readonly PartitionSample[] | undefined;
  readonly busyMsTotal: number;
  readonly inFlight: number;
  /** All pods have as much as they take, and more waits. */
  readonly isFull: boolean;
  readonly usefulPods: number | undefined;
  readonly openCalls: number;
  readonly callsTotal: number;
  readonly askedPods: number;
  readonly pods: { readonly ready: number; readonly starting: number; readonly draining: number };
  readonly replicas: number;
  readonly paused: boolean;
}

export interface PartitionFigures {
  /** `<topic>.<partition>` */
  readonly name: string;
  readonly backlogEvents: number;
  readonly oldestAgeMs: number;
  readonly arrivalRate: number;
}

/** What is kept of a sample until the next one: its partitions are not, because there are many of them. */
type Totals = Pick<UnitSample, 'steadyMs' | 'busyMsTotal' | 'callsTotal' | 'isFull' | 'pods'>;

/** A figure of an earlier tick is good for so long, then it is stale. */
const goodForMs = 10_000;
const fastMs = 2_000;
const calmMs = 10_000;
const slowMs = 60_000;
const trendMs = 180_000;
/** A longer gap between ticks is not averaged over: what happened in it nobody saw. */
const gapMsMax = 15_000;
/** What is left each second of the quickest that a pod was seen: half of it after an hour. */
const keptPerTick = 0.9998;
/** What is left each second of the work that the quickest lane is measured by, and how much it has to be. */
const keptOfWork = 0.97;
const workMsLeast = 5_000;
/** Below this nothing is said about how quick a pod is. */
const busyMsLeast = 20;
/** A start that takes longer is not a start, but a lack of room. */
const startMsMax = 120_000;

/** Turns the samples of one function into observations. */
export class UnitObserver {
  readonly #rows = new PartitionRows();
  readonly #arrived = new RateWindow(trendMs);
  readonly #finished = new RateWindow(slowMs);
  readonly #speed = new PodSpeed();
  #last: { readonly sample: Totals; readonly done: number } | undefined;
  #seen: { readonly atMs: number; readonly backlog: number; readonly ageMs: number } | undefined;
  #busyAtMs: number | undefined;
  #movedAtMs: number | undefined;
  #start: { readonly replicas: number; readonly atMs: number } | undefined;
  #startMs: number | undefined;

  observe(read: UnitSample, policy: Pick<ScalePolicy, 'concurrency' | 'order'>, stuckAfterMs: number): ScaleObservation {
    const sample = this.#readable(read);
    const { steadyMs, partitions } = sample;
    const done = partitions === undefined ? undefined : doneOf(partitions);
    if (partitions !== undefined && done !== undefined) this.#take(sample, partitions, done, policy.concurrency);
    this.#watchStart(sample);
    const seen = this.#seen;
    const ageMs = seen === undefined ? 0 : steadyMs - seen.atMs;
    const slope = this.#arrived.slope();
    const slow = this.#arrived.mean(slowMs);
    const calm = leastOf(level(slow, slope), this.#arrived.mean(2 * slowMs));
    const isEmpty = seen?.backlog === 0 && sample.inFlight === 0 && sample.openCalls === 0 && sample.askedPods === 0;
    const callsCame = this.#last !== undefined && sample.callsTotal !== this.#last.sample.callsTotal;
    if (!isEmpty || callsCame || (this.#arrived.mean(fastMs) ?? 0) > 0) this.#busyAtMs = steadyMs;
    this.#busyAtMs ??= steadyMs;
    const idleMs = ageMs <= goodForMs && isEmpty ? steadyMs - this.#busyAtMs : undefined;
    const stuckMs = this.#stuckMs(sample, done);
    if (done !== undefined) this.#last = { sample: totalsOf(sample), done };
    const work = policy.order !== 'partition' ? undefined : partitions === undefined ? [] : this.#work(steadyMs);
    const usefulPods = work === undefined || work.length === 0 ? sample.usefulPods : Math.ceil(work.length / policy.concurrency);
    return {
      atMs: sample.atMs,
      steadyMs,
      backlogEvents: measured(seen?.backlog, ageMs, goodForMs),
      oldestAgeMs: measured(seen === undefined ? undefined : seen.ageMs + (seen.backlog > 0 ? ageMs : 0), ageMs, goodForMs),
      arrivalRate: measured(this.#arrived.mean(fastMs), ageMs, goodForMs),
      arrivalRateSlow: measured(level(slow, slope), ageMs, goodForMs),
      arrivalRateCalm: measured(calm, ageMs, goodForMs),
      arrivalTrend: slope,
      finishedRate: measured(this.#finished.mean(fastMs), ageMs, goodForMs),
      finishedRateCalm: measured(this.#finished.mean(calmMs), ageMs, goodForMs),
      podRate: this.#speed.podRate === undefined ? unknown : known(this.#speed.podRate),
      podRateBest: this.#speed.best === undefined ? unknown : known(this.#speed.best),
      laneRate: this.#speed.laneRate === undefined ? unknown : known(this.#speed.laneRate),
      laneRateBest: this.#speed.laneBest === undefined ? unknown : known(this.#speed.laneBest),
      startMs: this.#startMs === undefined ? unknown : known(this.#startMs),
      inFlight: sample.inFlight,
      openCalls: sample.openCalls,
      askedPods: sample.askedPods,
      pods: sample.pods,
      paused: sample.paused,
      ...(idleMs !== undefined && { idleMs }),
      ...(stuckMs !== undefined && stuckMs >= stuckAfterMs && { stuckMs }),
      ...(usefulPods !== undefined && { usefulPods }),
      ...(work !== undefined && { partitions: work }),
    };
  }

  /** Of the last tick: what waits where, for how long, and how much of it comes. */
  partitions(steadyMs: number): readonly PartitionFigures[] {
    return this.#rows.all.map(row => ({
      name: row.name,
      backlogEvents: row.waitingEvents,
      oldestAgeMs: row.ageMs(steadyMs),
      arrivalRate: row.marks.rate(steadyMs, slowMs),
    }));
  }

  /** Partitions of whose oldest event nobody says when it came, although it has waited for that: the log can. */
  unsure(steadyMs: number): readonly PartitionRow[] {
    return this.#rows.all.filter(row => row.isUnsure(steadyMs));
  }

  /** What no log and no clock can say was not read. */
  #readable(sample: UnitSample): UnitSample {
    const { partitions, busyMsTotal } = sample;
    const isRead = partitions?.every(one => isAmount(one.endOffset) && isAmount(one.frontier) && isAmount(one.doneAbove)) ?? false;
    return {
      ...sample,
      partitions: isRead ? partitions : undefined,
      busyMsTotal: isAmount(busyMsTotal) ? busyMsTotal : (this.#last?.sample.busyMsTotal ?? 0),
    };
  }

  #take(sample: UnitSample, partitions: readonly PartitionSample[], done: number, concurrency: number): void {
    const { atMs, steadyMs } = sample;
    let backlog = 0;
    let ageMs = 0;
    let arrived = 0;
    const rows = this.#rows.of(partitions);
    partitions.forEach((one, index) => {
      const row = rows[index];
      if (row === undefined) return;
      arrived += Math.max(0, one.endOffset - (row.marks.end ?? one.endOffset));
      row.take(one, { atMs, steadyMs });
      backlog += row.waitingEvents;
      ageMs = Math.max(ageMs, row.ageMs(steadyMs));
    });
    this.#seen = { atMs: steadyMs, backlog, ageMs };
    const last = this.#last;
    const spanMs = last === undefined ? 0 : steadyMs - last.sample.steadyMs;
    if (last === undefined || spanMs <= 0) return;
    if (spanMs > gapMsMax) {
      this.#arrived.clear();
      this.#finished.clear();
      return;
    }
    const finished = Math.max(0, done - last.done);
    this.#arrived.add(steadyMs, spanMs, arrived);
    this.#finished.add(steadyMs, spanMs, finished);
    this.#speed.take({ before: last.sample, now: sample, finished, concurrency });
  }

  /** From a wish for more pods to the moment at which all of them work. */
  #watchStart({ replicas, pods, steadyMs }: UnitSample): void {
    if (replicas > pods.ready && (this.#start === undefined || replicas > this.#start.replicas)) {
      this.#start = { replicas, atMs: this.#start?.atMs ?? this.#last?.sample.steadyMs ?? steadyMs };
      return;
    }
    const start = this.#start;
    if (start === undefined || (pods.ready < start.replicas && replicas >= start.replicas)) return;
    this.#start = undefined;
    const tookMs = steadyMs - start.atMs;
    if (replicas < start.replicas || tookMs > startMsMax) return;
    this.#startMs = this.#startMs === undefined ? tookMs : this.#startMs + (tookMs - this.#startMs) / 2;
  }

  #stuckMs({ steadyMs, pods }: UnitSample, done: number | undefined): number | undefined {
    const moved = done === undefined || this.#last === undefined || done !== this.#last.done;
    if (moved || pods.ready === 0 || (this.#seen?.backlog ?? 0) === 0) this.#movedAtMs = steadyMs;
    return this.#movedAtMs === undefined ? undefined : steadyMs - this.#movedAtMs;
  }

  /** The level of the last seconds in the shape of the last minute. */
  #work(steadyMs: number): readonly PartitionWork[] {
    const rows = this.#rows.all;
    let slow = 0;
    for (const row of rows) {
      row.rateSlow = row.marks.rate(steadyMs, slowMs);
      slow += row.rateSlow;
    }
    const scale = slow === 0 ? 0 : (this.#arrived.mean(fastMs) ?? slow) / slow;
    const work: PartitionWork[] = [];
    for (const { waitingEvents, rateSlow } of rows) {
      const rate = rateSlow * scale;
      if (waitingEvents > 0 || rate > 0) work.push([Math.round(rate * 1_000) / 1_000, waitingEvents]);
    }
    return work;
  }
}

function isAmount(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}

/** Where the last minute leads to: its mean is half a minute old. */
function level(mean: number | undefined, slope: number): number | undefined {
  return mean === undefined ? undefined : Math.max(0, mean + (slope * slowMs) / 2_000);
}

/** What was gone after a minute, and what is too new to last, both do not count. */
function leastOf(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : Math.min(one, other);
}

function totalsOf({ steadyMs, busyMsTotal, callsTotal, isFull, pods }: UnitSample): Totals {
  return { steadyMs, busyMsTotal, callsTotal, isFull, pods };
}

function doneOf(partitions: readonly PartitionSample[]): number {
  return partitions.reduce((sum, one) => sum + one.frontier + one.doneAbove, 0);
}

/**
 * How quick a pod is. Measured while all pods are full; before that, events per busy second times the concurrency, which is too much for a handler that
 * keeps the processor busy, and is corrected as soon as pods are full for the first time.
 */
class PodSpeed {
  podRate: number | undefined;
  best: number | undefined;
  laneRate: number | undefined;
  /** The quickest that a lane was while pods were not full, by a mean over some work: a few events that happen to be short say nothing. */
  laneBest: number | undefined;
  #lately = { finished: 0, busyMs: 0 };
  #full: { readonly rate: number; readonly laneRate: number } | undefined;
  #fullMs = 0;

  take({ before, now, finished, concurrency }: { before: Totals; now: Totals; finished: number; concurrency: number }): void {
    const busyMs = now.busyMsTotal - before.busyMsTotal;
    const spanMs = now.steadyMs - before.steadyMs;
    if (busyMs >= busyMsLeast && finished > 0) this.laneRate = blend(this.laneRate, (finished * 1_000) / busyMs, 0.2);
    if (!before.isFull && !now.isFull) this.#takeLane(finished, busyMs);
    const { laneRate } = this;
    if (laneRate === undefined) return;
    const { ready } = now.pods;
    const isFull = before.isFull && now.isFull && ready > 0 && before.pods.ready === ready;
    this.#fullMs = isFull ? this.#fullMs + spanMs : 0;
    // What is committed in the first second of being full was begun before it.
    if (isFull && this.#fullMs > 1_500) this.#full = { rate: blend(this.#full?.rate, (finished * 1_000) / spanMs / ready, 0.25), laneRate };
    // Measured once, it follows the time that an event takes.
    this.podRate = this.#full === undefined ? laneRate * concurrency : (this.#full.rate * laneRate) / this.#full.laneRate;
    if (this.#full !== undefined) this.best = Math.max(this.#full.rate, (this.best ?? 0) * keptPerTick);
  }

  #takeLane(finished: number, busyMs: number): void {
    const lately = { finished: this.#lately.finished * keptOfWork + finished, busyMs: this.#lately.busyMs * keptOfWork + busyMs };
    this.#lately = lately;
    if (lately.busyMs >= workMsLeast)
      this.laneBest = Math.max((lately.finished * 1_000) / lately.busyMs, (this.laneBest ?? 0) * keptPerTick);
  }
}

function blend(old: number | undefined, now: number, weight: number): number {
  return old === undefined ? now : old + (now - old) * weight;
}
