import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LogMarks } from '../../controller/scale/log-marks.ts';

/** The same by lists that are searched from their beginning. */
class NaiveMarks {
  marks: { readonly end: number; readonly firstMs: number; readonly lastMs: number }[] = [];

  add(end: number, atMs: number): void {
    const last = this.marks.at(-1);
    if (last?.end === end) {
      this.marks.splice(-1, 1, { ...last, lastMs: atMs });
      return;
    }
    if (last !== undefined && end < last.end) this.marks = [];
    this.marks.push({ end, firstMs: atMs, lastMs: atMs });
    const half = this.marks.length >> 1;
    if (this.marks.length > 96) this.marks = this.marks.filter((_, index) => index >= half || index % 2 === 0);
  }

  ageMs(offset: number, atMs: number): number {
    if (offset >= (this.marks.at(-1)?.end ?? 0)) return 0;
    const before = this.marks.findLast(mark => mark.end <= offset);
    return Math.max(0, atMs - (before?.lastMs ?? this.marks[0]?.firstMs ?? atMs));
  }

  rate(atMs: number, ms: number): number {
    const end = this.marks.at(-1)?.end ?? 0;
    const from = this.marks.findLast(mark => mark.lastMs <= atMs - ms) ?? this.marks[0];
    if (from === undefined || from.end === end) return 0;
    const fromMs = Math.max(from.lastMs, atMs - ms);
    return atMs <= fromMs ? 0 : ((end - from.end) * 1_000) / (atMs - fromMs);
  }
}

const tick = fc.record({
  grown: fc.oneof({ weight: 6, arbitrary: fc.nat(30) }, { weight: 4, arbitrary: fc.constant(0) }),
  isNewLog: fc.integer({ min: 0, max: 99 }).map(one => one === 0),
  afterMs: fc.oneof({ weight: 9, arbitrary: fc.constant(1_000) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 90_000 }) }),
  back: fc.nat(400),
});

test('ages and rates are those of a search through all marks, whatever was thinned out or begun again', () => {
  fc.assert(
    fc.property(fc.array(tick, { minLength: 1, maxLength: 300, size: 'max' }), ticks => {
      const [marks, naive] = [new LogMarks(), new NaiveMarks()];
      let [end, atMs] = [0, 0];
      for (const { grown, isNewLog, afterMs, back } of ticks) {
        end = isNewLog ? 0 : end + grown;
        atMs += afterMs;
        marks.add(end, atMs);
        naive.add(end, atMs);
        const offset = Math.max(0, end - back);
        expect([marks.end, marks.ageMs(offset, atMs), marks.covers(offset), marks.rate(atMs, 60_000)]).toEqual([
          end,
          naive.ageMs(offset, atMs),
          (naive.marks[0]?.end ?? 0) <= offset,
          naive.rate(atMs, 60_000),
        ]);
      }
    }),
    { numRuns: 200 },
  );
});

test('before anything was seen nothing is old, and nothing comes', () => {
  const marks = new LogMarks();
  expect([marks.end, marks.ageMs(0, 1_000), marks.covers(5), marks.rate(1_000, 60_000)]).toEqual([undefined, 0, false, 0]);
});
