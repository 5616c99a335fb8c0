import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { didYouMean, editDistance, nearest } from '../../controller/manifest/nearest.ts';

describe('what was probably meant', () => {
  const keys = ['handler', 'on', 'retry', 'limits', 'scale', 'warm', 'emits', 'calls', 'env'];
  test.each([
    ['retrys', 'retry'],
    ['rtery', 'retry'],
    ['Handler', 'handler'],
    ['limit', 'limits'],
    ['emit', 'emits'],
    ['scael', 'scale'],
    ['no', 'on'],
    ['kubernetes', undefined],
    ['x', undefined],
    ['', undefined],
    ['r'.repeat(10_000), undefined],
  ])('%s: %s', (word, expected) => {
    expect(nearest(word, keys)).toBe(expected);
  });

  test('of equally near ones the first', () => {
    expect(nearest('ab', ['aa', 'bb'])).toBe('aa');
  });
  test('nothing to choose from', () => {
    expect(didYouMean('a', [])).toBeUndefined();
  });
  test('as a sentence', () => {
    expect(didYouMean('retrys', keys)).toBe('Did you mean "retry"?');
  });
});

describe('edit distance', () => {
  test.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['ab', 'ba', 1],
    ['ca', 'abc', 3],
    ['abcdef', 'abcdfe', 1],
  ])('%j to %j: %i', (a, b, expected) => {
    expect(editDistance(a, b)).toBe(expected);
  });

  const word = fc.stringMatching(/^[abc]{0,7}$/);
  test('law: symmetric, zero for the same word alone, at most the longer one', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(editDistance(b, a)).toBe(distance);
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });

  test('law: a bound changes nothing but to cut off', () => {
    fc.assert(
      fc.property(word, word, fc.nat(8), (a, b, bound) => {
        expect(editDistance(a, b, bound)).toBe(Math.min(bound, editDistance(a, b)));
      }),
    );
  });
});
