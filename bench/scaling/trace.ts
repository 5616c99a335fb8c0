import { readFileSync } from 'node:fs';
import type { SimulatedLane, SimulatedWorld } from '../../controller/scale/simulate.ts';

export interface TraceSet {
  readonly maxAgeMs: number;
  readonly min: number;
  readonly max: number;
  readonly traces: readonly TraceSpec[];
}

export interface TraceSpec {
  readonly name: string;
  readonly says: string;
  readonly seed: number;
  readonly hours: number;
  readonly partitions: number;
  readonly serviceMs: number;
  readonly concurrency: number;
  readonly startMs: number;
  readonly zipfKeys?: number;
  readonly hotShare?: number;
  readonly shape: Shape;
}

type Shape =
  | { kind: 'step'; base: number; times: number; fromS: number; forS: number; everyS: number }
  | { kind: 'ramp'; base: number; peak: number; fromS: number; upS: number; holdS: number; downS: number }
  | {
      kind: 'bursts';
      base: number;
      meanEveryS: number;
      leastS: number;
      mostS: number;
      leastTimes: number;
      mostTimes: number;
      noise: number;
    }
  | { kind: 'sawtooth'; base: number; peak: number; periodS: number }
  | { kind: 'wave'; base: number; peak: number; periodS: number; noise: number }
  | { kind: 'daily'; base: number; peak: number; noise: number }
  | CountedShape;

/** What somebody has counted, every so many seconds; null where there is no count: as many as before and after it. */
interface CountedShape {
  readonly kind: 'counted';
  readonly everyS: number;
  /** Events per second for each that was counted. */
  readonly perSecond: number;
  readonly source: string;
  readonly counts: readonly (number | null)[];
}

export const slotMs = 500;

export function readTraces(file: URL): TraceSet {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** The world of a trace: arrivals by its shape, with the chance of its seed. */
export function worldOf(trace: TraceSpec): SimulatedWorld {
  const random = seeded(trace.seed);
  const rate = rateOf(trace.shape, random);
  const slots = Math.round((trace.hours * 3_600_000) / slotMs);
  const arrivals = Array.from({ length: slots }, (_, slot) => poisson(rate((slot * slotMs) / 1_000) * (slotMs / 1_000), random));
  return { arrivals, slotMs, lanes: lanesOf(trace), serviceMs: trace.serviceMs, concurrency: trace.concurrency, startMs: trace.startMs };
}

/** With `order: key` a partition is no bound, but a key is: those that are hot enough are lanes of their own. */
function lanesOf({ partitions, zipfKeys, hotShare, serviceMs }: TraceSpec): readonly SimulatedLane[] {
  if (zipfKeys !== undefined) {
    const weights = Array.from({ length: zipfKeys }, (_, index) => 1 / (index + 1));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const hot = weights.slice(0, 24).map(weight => ({ share: weight / sum, rateMax: 1_000 / serviceMs }));
    const rest = 1 - hot.reduce((total, lane) => total + lane.share, 0);
    return [...hot, { share: rest, rateMax: Number.POSITIVE_INFINITY }];
  }
  // Partitions that are alike behave as fewer of them.
  const few = Math.min(partitions, 4);
  const even = Array.from({ length: few }, () => ({ share: (1 - (hotShare ?? 0)) / few, rateMax: Number.POSITIVE_INFINITY }));
  return hotShare === undefined ? even : [{ share: hotShare, rateMax: Number.POSITIVE_INFINITY }, ...even];
}

function rateOf(shape: Shape, random: () => number): (second: number) => number {
  switch (shape.kind) {
    case 'step':
      return second => {
        const at = (second % shape.everyS) - shape.fromS;
        return at >= 0 && at < shape.forS ? shape.base * shape.times : shape.base;
      };
    case 'ramp':
      return second => shape.base + (shape.peak - shape.base) * trapezoid(second - shape.fromS, shape.upS, shape.holdS, shape.downS);
    case 'bursts':
      return burstsOf(shape, random);
    case 'sawtooth':
      return second => shape.base + ((shape.peak - shape.base) * (second % shape.periodS)) / shape.periodS;
    case 'wave':
      return noisy(
        second => shape.base + ((shape.peak - shape.base) * (1 - Math.cos((2 * Math.PI * second) / shape.periodS))) / 2,
        shape.noise,
        random,
      );
    case 'daily':
      return noisy(second => shape.base + (shape.peak - shape.base) * dayShare(second / 3_600), shape.noise, random);
    case 'counted':
      return countedRate(shape);
  }
}

/** Of a count all is known but when within its time its events came: evenly. */
function countedRate({ everyS, perSecond, counts }: CountedShape): (second: number) => number {
  const known = (index: number): number => counts[index] ?? ((counts[index - 1] ?? 0) + (counts[index + 1] ?? 0)) / 2;
  return second => known(Math.floor(second / everyS)) * perSecond;
}

function trapezoid(at: number, up: number, hold: number, down: number): number {
  if (at < 0) return 0;
  if (at < up) return at / up;
  if (at < up + hold) return 1;
  return Math.max(0, 1 - (at - up - hold) / down);
}

function burstsOf(shape: Extract<Shape, { kind: 'bursts' }>, random: () => number): (second: number) => number {
  let untilS = 0;
  let nextS = -Math.log(1 - random()) * shape.meanEveryS;
  let times = 1;
  const base = noisy(() => shape.base, shape.noise, random);
  return second => {
    if (second >= nextS) {
      untilS = nextS + shape.leastS + random() * (shape.mostS - shape.leastS);
      times = shape.leastTimes + random() * (shape.mostTimes - shape.leastTimes);
      nextS = untilS - Math.log(1 - random()) * shape.meanEveryS;
    }
    return base(second) * (second < untilS ? times : 1);
  };
}

/** Two humps: one before noon, a higher one in the evening. */
function dayShare(hour: number): number {
  const hump = (middle: number, width: number) => Math.exp(-(((hour % 24) - middle) ** 2) / (2 * width ** 2));
  return Math.min(1, 0.7 * hump(10.5, 2) + hump(19, 2.2) + 0.25 * hump(14.5, 3));
}

/** Each 10 s another level around the true one. */
function noisy(rate: (second: number) => number, noise: number, random: () => number): (second: number) => number {
  let span = -1;
  let factor = 1;
  return second => {
    const now = Math.floor(second / 10);
    if (now !== span) {
      span = now;
      factor = 1 + noise * (2 * random() - 1);
    }
    return rate(second) * factor;
  };
}

/** Mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Above 30 by the normal distribution, which is near enough. */
export function poisson(mean: number, random: () => number): number {
  if (mean > 30) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal));
  }
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random(); product > limit; product *= random()) count += 1;
  return count;
}
