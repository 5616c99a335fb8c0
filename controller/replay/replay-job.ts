/** A part of one partition that is replayed; everything below `position` was passed. */
export interface ReplayRange {
  readonly topic: string;
  readonly partition: number;
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly position: number;
}

/** One wish to handle past events of a function again. Kept in the state store under `<unit>/<id>`. */
export interface ReplayJob {
  /** 8 hex digits. */
  readonly id: string;
  readonly unit: string;
  readonly state: 'running' | 'done' | 'cancelled';
  readonly startedAtMs: number;
  /** undefined: as fast as they are handled. */
  readonly ratePerSecond: number | undefined;
  readonly ranges: readonly ReplayRange[];
  /** Events that were put into the inbox again, as far as their positions were kept: the ones of a page that was cut off are counted when it is made again. */
  readonly events: number;
}

const version = 1;
const utf8 = new TextEncoder();
const text = new TextDecoder();

export function writeJob(job: ReplayJob): Uint8Array {
  return utf8.encode(JSON.stringify({ version, ...job }));
}

/** undefined: written by another version of the runtime. */
export function readJob(bytes: Uint8Array): ReplayJob | undefined {
  const { version: written, ...job } = JSON.parse(text.decode(bytes)) as ReplayJob & { readonly version: number };
  return written === version ? { ...job, ratePerSecond: job.ratePerSecond ?? undefined } : undefined;
}

export function jobKey(unit: string, id: string): string {
  return `${unit}/${id}`;
}

/** Where it goes on; undefined: everything was passed. */
export function nextRange(job: ReplayJob): ReplayRange | undefined {
  return job.ranges.find(({ position, toOffset }) => position < toOffset);
}

/** After a page of a range; the last one ends the job. A job that is not running stays as it is. */
export function passed(job: ReplayJob, range: ReplayRange, position: number, events: number): ReplayJob {
  if (job.state !== 'running') return job;
  const isRange = (one: ReplayRange) => one.topic === range.topic && one.partition === range.partition;
  const ranges = job.ranges.map(one =>
    isRange(one) ? { ...one, position: Math.min(Math.max(one.position, position), one.toOffset) } : one,
  );
  const next = { ...job, ranges, events: job.events + events };
  return nextRange(next) === undefined ? { ...next, state: 'done' } : next;
}

export function progressOf({ ranges }: ReplayJob): { readonly total: number; readonly passed: number } {
  return {
    total: ranges.reduce((sum, one) => sum + one.toOffset - one.fromOffset, 0),
    passed: ranges.reduce((sum, one) => sum + one.position - one.fromOffset, 0),
  };
}
