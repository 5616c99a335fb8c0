import type { SeriesAnswer, SeriesName } from './live-schema.ts';

/** A quarter of an hour: what a person who just got up wants to see of before. */
export const seriesStepMs = 5_000;
const pointsMax = 180;

const names: readonly SeriesName[] = [
  'arrivalRate',
  'finishedRate',
  'capacityRate',
  'oldestAgeMs',
  'backlogEvents',
  'ready',
  'starting',
  'draining',
];

export type SeriesPoint = Readonly<Record<SeriesName, number | undefined>>;

/** The latest points of one function: 6 KB, whatever happens. NaN is "not known". */
export class SeriesRing {
  readonly #values = new Float32Array(names.length * pointsMax).fill(Number.NaN);
  #count = 0;
  #atMs = 0;

  add(point: SeriesPoint, atMs: number): void {
    const slot = this.#count % pointsMax;
    for (const [index, name] of names.entries()) this.#values[index * pointsMax + slot] = point[name] ?? Number.NaN;
    this.#count += 1;
    this.#atMs = atMs;
  }

  read(): SeriesAnswer {
    const of = (name: SeriesName) => this.tail(name, pointsMax);
    return {
      atMs: this.#atMs,
      stepMs: seriesStepMs,
      arrivalRate: of('arrivalRate'),
      finishedRate: of('finishedRate'),
      capacityRate: of('capacityRate'),
      oldestAgeMs: of('oldestAgeMs'),
      backlogEvents: of('backlogEvents'),
      ready: of('ready'),
      starting: of('starting'),
      draining: of('draining'),
    };
  }

  /** The latest points of one series, oldest first; null: not known. */
  tail(name: SeriesName, points: number): (number | null)[] {
    const base = names.indexOf(name) * pointsMax;
    const length = Math.min(this.#count, pointsMax, points);
    return Array.from({ length }, (_, index) => {
      const value = this.#values[base + ((this.#count - length + index) % pointsMax)] ?? Number.NaN;
      return Number.isNaN(value) ? null : Math.round(value * 100) / 100;
    });
  }
}
