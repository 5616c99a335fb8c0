import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as units from '../../controller/manifest/units.ts';

describe('durations', () => {
  test.each([
    ['0ms', 0],
    ['1ms', 1],
    ['999ms', 999],
    ['30s', 30_000],
    ['90s', 90_000],
    ['10m', 600_000],
    ['6h', 21_600_000],
    ['7d', 604_800_000],
    ['104249991d', 9_007_199_222_400_000],
  ])('%s is %i ms', (text, expected) => {
    expect(units.parseDuration(text)).toBe(expected);
  });

  test.each(['', '5', 's', '-1s', '1.5s', '1 s', '1S', '01s', '1sec', '1w', '1s ', '1e3s', '٣s', '104249992d', `${'9'.repeat(20)}s`])(
    '%j is none',
    text => {
      expect(units.parseDuration(text)).toBeUndefined();
    },
  );

  test('law: print and parse are a round trip, in the largest unit', () => {
    fc.assert(
      fc.property(fc.nat(999_999_999_999), ms => {
        expect(units.parseDuration(units.printDuration(ms))).toBe(ms);
      }),
    );
    expect([0, 999, 60_000, 90_000, 86_400_000].map(units.printDuration)).toEqual(['0ms', '999ms', '1m', '90s', '1d']);
  });
});

describe('sizes', () => {
  test.each([
    ['0', 0],
    ['512', 512],
    ['64Ki', 65_536],
    ['256Mi', 268_435_456],
    ['1Gi', 1_073_741_824],
  ])('%s is %i bytes', (text, expected) => {
    expect(units.parseSize(text)).toBe(expected);
  });

  test.each(['', 'Mi', '1M', '1MB', '1mi', '1.5Gi', '-1', '1 Gi', '8388608Gi'])('%j is none', text => {
    expect(units.parseSize(text)).toBeUndefined();
  });

  test('law: print and parse are a round trip', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 49), bytes => {
        expect(units.parseSize(units.printSize(bytes))).toBe(bytes);
      }),
    );
  });
});

describe('processor time', () => {
  test.each([
    ['1m', 1],
    ['500m', 500],
    ['2', 2000],
    ['0.5', 500],
    ['0.001', 1],
    ['1.25', 1250],
    ['999', 999_000],
  ])('%s is %i thousandths of a core', (text, expected) => {
    expect(units.parseCpu(text)).toBe(expected);
  });

  test.each(['', '0', '0m', '0.0', '0.000', '-1', '.5', '1.2345', '1000', '1 m', 'm'])('%j is none', text => {
    expect(units.parseCpu(text)).toBeUndefined();
  });

  test('law: print and parse are a round trip', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999_000 }), millis => {
        expect(units.parseCpu(units.printCpu(millis))).toBe(millis);
      }),
    );
  });
});

describe('ranges of durations', () => {
  test.each([
    ['200ms..30s', { min: 200, max: 30_000 }],
    ['1s', { min: 1000, max: 1000 }],
    ['2s..1s', { min: 2000, max: 1000 }],
  ])('%s', (text, expected) => {
    expect(units.parseDurationRange(text)).toEqual(expected);
  });

  test.each(['', '..', '1s..', '..1s', '1s...2s', '1s..2s..3s', '1..2s', '1s-2s'])('%j is none', text => {
    expect(units.parseDurationRange(text)).toBeUndefined();
  });

  test('law: the patterns of the schema take exactly what the parsers take', () => {
    const text = fc.stringMatching(/^[0-9.]{1,4}(ms|s|m|h|d|Ki|Mi|Gi|)(\.\.[0-9]{1,3}(ms|s|m))?$/);
    fc.assert(
      fc.property(text, value => {
        expect(units.parseDuration(value) !== undefined).toBe(new RegExp(units.durationPattern).test(value));
        expect(units.parseSize(value) !== undefined).toBe(new RegExp(units.sizePattern).test(value));
        expect(units.parseDurationRange(value) !== undefined).toBe(new RegExp(units.durationRangePattern).test(value));
      }),
    );
  });
});
