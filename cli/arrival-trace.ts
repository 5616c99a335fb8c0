import { CommandFailure } from './failure.ts';
import { duration } from './output.ts';

/** From `atMs` on so many events come per second, until the next point. */
export interface TracePoint {
  readonly atMs: number;
  readonly arrivalRate: number;
}

/** Ascending in time and without a hole. */
export interface ArrivalTrace {
  readonly points: readonly TracePoint[];
  /** How far points are apart, usually; the last one lasts as long. */
  readonly stepMs: number;
}

/** Recorded points of a quiet function are a minute apart. */
const holeMsLeast = 90_000;
/** A week takes about ten seconds to simulate. */
const spanMsMax = 7 * 86_400_000;
const shownMax = 10;

/** NDJSON, a point per line; members that it does not know are passed over. Every fault is in the failure that it throws. */
export function parseTrace(text: string, file: string): ArrivalTrace {
  const points: TracePoint[] = [];
  const faults: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const point = parsePoint(line, points.at(-1)?.atMs);
    if (typeof point === 'string') faults.push(`${file}:${index + 1} ${point}`);
    else points.push(point);
  }
  if (faults.length > 0)
    throw bad(
      `${faults.length} ${faults.length === 1 ? 'line' : 'lines'} of ${file} cannot be read as points of a trace`,
      faults,
      pointHint,
    );
  const stepMs = stepOf(points);
  if (points.length < 2) throw bad(`${file} has ${points.length} ${points.length === 1 ? 'point' : 'points'}`, [], pointHint);
  const holes = holesIn(points, stepMs).map(
    ([from, to]) => `nothing from ${instant(from.atMs)} to ${instant(to.atMs)} (${duration(to.atMs - from.atMs)})`,
  );
  if (holes.length > 0) {
    const hint = `Fill them (a rate of 0 is a rate), or cut the file there: points are ${duration(stepMs)} apart elsewhere.`;
    throw bad(`${file} has ${holes.length} ${holes.length === 1 ? 'hole' : 'holes'}: what came then is not known`, holes, hint);
  }
  const spanMs = spanOf({ points, stepMs });
  if (spanMs > spanMsMax) throw bad(`${file} is ${duration(spanMs)} long, at most ${duration(spanMsMax)} are simulated`, [], 'Cut it.');
  return { points, stepMs };
}

/** The longest stretch of what was recorded that has no hole; `left` is the time that is not in it. */
export function longestStretch(recorded: readonly TracePoint[]): { readonly trace: ArrivalTrace; readonly leftMs: number } | undefined {
  const stepMs = stepOf(recorded);
  const cuts = new Set(holesIn(recorded, stepMs).map(([, to]) => to));
  const stretches: TracePoint[][] = [[]];
  for (const point of recorded) {
    if (cuts.has(point)) stretches.push([]);
    stretches.at(-1)?.push(point);
  }
  const traces = stretches.filter(points => points.length > 1).map(points => ({ points, stepMs }));
  const [first, ...others] = traces;
  if (first === undefined) return undefined;
  const trace = others.reduce((best, one) => (spanOf(one) > spanOf(best) ? one : best), first);
  return { trace, leftMs: spanOf({ points: recorded, stepMs }) - spanOf(trace) };
}

export function printTrace({ points }: ArrivalTrace): string {
  return points.map(({ atMs, arrivalRate }) => `${JSON.stringify({ atMs, arrivalRate })}\n`).join('');
}

export function spanOf({ points, stepMs }: ArrivalTrace): number {
  return (points.at(-1)?.atMs ?? 0) - (points[0]?.atMs ?? 0) + stepMs;
}

/** Events of each slot of `slotMs`. */
export function arrivalsOf(trace: ArrivalTrace, slotMs: number): readonly number[] {
  const { points } = trace;
  const startMs = points[0]?.atMs ?? 0;
  let index = 0;
  return Array.from({ length: Math.ceil(spanOf(trace) / slotMs) }, (_, slot) => {
    while ((points[index + 1]?.atMs ?? Number.POSITIVE_INFINITY) <= startMs + slot * slotMs) index += 1;
    return ((points[index]?.arrivalRate ?? 0) * slotMs) / 1_000;
  });
}

function parsePoint(line: string, beforeMs: number | undefined): TracePoint | string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return 'is not JSON';
  }
  const { atMs, arrivalRate } = Object(parsed);
  if (typeof atMs !== 'number' || !(atMs >= 0)) return '"atMs" is no time in milliseconds';
  if (typeof arrivalRate !== 'number' || !(arrivalRate >= 0)) return '"arrivalRate" is no rate in events per second';
  if (beforeMs !== undefined && atMs <= beforeMs) return `"atMs" is not after that of the line before`;
  return { atMs, arrivalRate };
}

/** The point before and the point after each hole. */
function holesIn(points: readonly TracePoint[], stepMs: number): readonly (readonly [TracePoint, TracePoint])[] {
  const most = Math.max(holeMsLeast, 3 * stepMs);
  return points.flatMap((to, index) => {
    const from = points[index - 1];
    return from !== undefined && to.atMs - from.atMs > most ? [[from, to] as const] : [];
  });
}

/** The median of the distances. */
function stepOf(points: readonly TracePoint[]): number {
  const steps = points.slice(1).map((point, index) => point.atMs - (points[index]?.atMs ?? 0));
  return steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
}

const pointHint = 'Write one {"atMs": 1767225600000, "arrivalRate": 120} per line; --save makes such a file of what was recorded.';

function bad(message: string, where: readonly string[], hint: string): CommandFailure {
  const more = where.length > shownMax ? [`and ${where.length - shownMax} more`] : [];
  return new CommandFailure('FAAS_TRACE_BAD', message, { where: [...where.slice(0, shownMax), ...more], hint });
}

function instant(atMs: number): string {
  return new Date(atMs).toISOString();
}
