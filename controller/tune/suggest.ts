import { most } from '../manifest/most.ts';
import type { FunctionSpec } from '../manifest/spec.ts';
import { parseDuration, parseSize } from '../manifest/units.ts';
import { bands } from '../scale/policy.ts';
import { reactionMs } from '../scale/size.ts';
import type { Measured } from './handling-record.ts';

/** What scaling has seen of the function in the same time; a member that was never measured is absent. */
export interface SeenLoad {
  /** Events per second of one pod that always has enough to do. */
  readonly podRate?: number;
  /** Events per second of one key or partition. */
  readonly laneRate?: number;
  readonly startMs?: number;
  /** The highest level of arrivals that lasted a minute, events per second. */
  readonly arrivalRateMost?: number;
}

export interface Suggestion {
  /** As in the manifest: `limits.timeout`. */
  readonly key: 'limits.timeout' | 'limits.memory' | 'limits.concurrency' | 'scale.max' | 'scale.maxAge' | 'batch.size';
  readonly now: number;
  readonly suggested: number;
  readonly unit: 'ms' | 'bytes' | 'count';
  /** From which figures. */
  readonly because: string;
}

const mebibyte = 2 ** 20;
/** Fewer events say little about the slowest of a thousand. */
const eventsLeast = 1_000;

/**
 * Limits that fit what was measured. Nothing is suggested where a limit is near enough, or where too little was measured; each suggestion leaves room: a limit that is
 * hit costs more than one that is too wide. None is more than a manifest takes.
 */
export function suggest(spec: FunctionSpec, measured: Measured, seen: SeenLoad): readonly Suggestion[] {
  const found = [
    timeout(spec, measured),
    memory(spec, measured),
    concurrency(spec, seen),
    batchSize(spec, measured, seen),
    maximum(spec, seen),
    maxAge(spec, seen),
  ];
  return found
    .filter(one => one !== undefined)
    .map(one => ({ ...one, suggested: Math.min(one.suggested, mostOf(one.key)) }))
    .filter(one => one.suggested !== one.now);
}

function mostOf(key: Suggestion['key']): number {
  const value = most[key];
  if (typeof value === 'number') return value;
  return (key === 'limits.memory' ? parseSize(value) : parseDuration(value)) ?? Number.POSITIVE_INFINITY;
}

/** Three times the slowest, ten times the slow: a handler that hangs holds its key up for that long. */
function timeout({ limits: { timeoutMs } }: FunctionSpec, { events, p99Ms, slowestMs }: Measured): Suggestion | undefined {
  if (events < eventsLeast || p99Ms === undefined) return undefined;
  const suggested = roundUp(Math.max(1_000, slowestMs * 3, p99Ms * 10), [1, 2, 3, 5]);
  const isTight = timeoutMs < slowestMs * 1.5;
  if (!isTight && timeoutMs <= suggested * 5) return undefined;
  const facts = `the slowest of ${events} events took ${short(slowestMs)} ms, 99 % took at most ${short(p99Ms)} ms`;
  const why = isTight ? 'a slow one would be ended' : 'one that hangs holds its key up for all of it';
  return { key: 'limits.timeout', now: timeoutMs, suggested, unit: 'ms', because: `${facts}; ${why}` };
}

function memory({ limits: { memoryBytes: now } }: FunctionSpec, { memoryBytes }: Measured): Suggestion | undefined {
  if (memoryBytes === undefined) return undefined;
  const suggested = Math.max(96, Math.ceil((memoryBytes * 1.5) / mebibyte / 32) * 32) * mebibyte;
  const isTight = now < memoryBytes * 1.2;
  if (!isTight && now <= suggested * 2) return undefined;
  const facts = `a pod took up to ${Math.ceil(memoryBytes / mebibyte)}Mi`;
  const why = isTight ? 'at its limit it is ended' : 'the rest is kept free for nothing';
  return { key: 'limits.memory', now, suggested, unit: 'bytes', because: `${facts}; ${why}` };
}

/** A pod that is full works on `podRate / laneRate` events at once, whatever it is given. */
function concurrency({ limits: { concurrency: now } }: FunctionSpec, { podRate, laneRate }: SeenLoad): Suggestion | undefined {
  if (podRate === undefined || laneRate === undefined || laneRate <= 0) return undefined;
  const used = podRate / laneRate;
  const rates = `a full pod finishes ${short(podRate)}/s and one event alone would make ${short(laneRate)}/s`;
  if (used < now / 4 && now > 2) {
    const suggested = Math.max(2, Math.ceil(used * 2));
    const because = `${rates}: ${short(used)} at once, the processor does no more; others wait beside them in the pod`;
    return { key: 'limits.concurrency', now, suggested, unit: 'count', because };
  }
  if (used < now * 0.9) return undefined;
  const because = `${rates}: all ${now} places are in use while the handler waits for something else; more of them are fewer pods`;
  return { key: 'limits.concurrency', now, suggested: now * 2, unit: 'count', because };
}

/** As much as a pod does in a second, or in a tenth of maxAge if that is less. */
function batchSize(
  { on, scale }: FunctionSpec,
  { batches, batchEventsMean, p50Ms }: Measured,
  { podRate }: SeenLoad,
): Suggestion | undefined {
  const sizes = on.flatMap(trigger => (trigger.kind === 'stream' ? [trigger.batch.size] : []));
  if (sizes.length === 0 || podRate === undefined || p50Ms === undefined || batchEventsMean === undefined || batches < 100)
    return undefined;
  const now = Math.max(...sizes);
  const seconds = Math.min(1, scale.maxAgeMs / 10_000);
  const suggested = Math.min(2_000, roundUp(Math.max(1, podRate * seconds), [1, 2, 5]));
  const isTooSmall = batchEventsMean >= now * 0.9 && suggested >= now * 4;
  const isTooLarge = batchEventsMean > suggested * 4;
  if (!isTooSmall && !isTooLarge) return undefined;
  const facts = `batches had ${short(batchEventsMean)} events, and a pod finishes ${short(podRate)}/s`;
  const why = isTooLarge ? 'a batch keeps others waiting for seconds' : 'each of them costs a turn of its own';
  return { key: 'batch.size', now, suggested, unit: 'count', because: `${facts}; ${why}` };
}

function maximum({ scale: { max, prefer = 'balanced' } }: FunctionSpec, { podRate, arrivalRateMost }: SeenLoad): Suggestion | undefined {
  if (podRate === undefined || podRate <= 0 || arrivalRateMost === undefined) return undefined;
  const needed = Math.ceil(arrivalRateMost / (podRate * bands[prefer].target));
  if (needed <= max) return undefined;
  const because = `up to ${short(arrivalRateMost)}/s came for a minute, and a pod finishes ${short(podRate)}/s`;
  return { key: 'scale.max', now: max, suggested: Math.ceil(needed * 1.25), unit: 'count', because };
}

function maxAge({ scale: { maxAgeMs, min } }: FunctionSpec, { startMs }: SeenLoad): Suggestion | undefined {
  if (startMs === undefined || maxAgeMs >= startMs + reactionMs) return undefined;
  const suggested = roundUp(startMs + reactionMs, [1, 2, 3, 5]);
  const because = `a new pod works after ${short(startMs)} ms${min === 0 ? '; or keep one with scale.min: 1' : ''}`;
  return { key: 'scale.maxAge', now: maxAgeMs, suggested, unit: 'ms', because };
}

/** Up to the next of these digits times a power of ten. */
function roundUp(value: number, digits: readonly number[]): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const digit = [...digits, 10].find(one => one * power >= value * (1 - 1e-9)) ?? 10;
  return digit * power;
}

function short(value: number): string {
  return String(value >= 100 ? Math.round(value) : Number(value.toPrecision(2)));
}
