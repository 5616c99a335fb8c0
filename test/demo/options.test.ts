import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readOptions } from '../../demo/options.ts';

const usual = { once: false, repeat: 1, rate: 60, fresh: false, folder: resolve('.faas') };

describe('what follows `npm start --`', () => {
  test.each([
    [[], {}],
    [['--once'], { once: true, rate: 400 }],
    [
      ['--once', '--repeat', '3', '--rate', '0.5', '--fresh', '--data', '/d'],
      { once: true, repeat: 3, rate: 0.5, fresh: true, folder: '/d' },
    ],
    [['--rate=200', '--data=x'], { rate: 200, folder: resolve('x') }],
    [['--repeat', '2', '--repeat', '4'], { repeat: 4 }],
  ])('%j', (words, expected) => {
    expect(readOptions(words, '.faas')).toEqual({ kind: 'options', options: { ...usual, ...expected } });
  });
});

describe('is refused by its name and value, with what is expected', () => {
  test.each([
    [['--bogus'], '--bogus is not an option: there are --once, --repeat, --rate, --fresh, --data'],
    [['-x'], '-x is not an option: there are --once, --repeat, --rate, --fresh, --data'],
    [['--toString'], '--toString is not an option: there are --once, --repeat, --rate, --fresh, --data'],
    [['--once', 'extra'], '"extra" is not expected: all options begin with --'],
    [['--once=yes'], '--once takes no value, and got "yes"'],
    [['--repeat'], '--repeat needs a value: a whole number from 1 on'],
    [['--repeat', 'abc'], '--repeat: "abc" is not a whole number from 1 on'],
    [['--repeat', '1.5'], '--repeat: "1.5" is not a whole number from 1 on'],
    [['--repeat', '0'], '--repeat: "0" is not a whole number from 1 on'],
    [['--repeat='], '--repeat: "" is not a whole number from 1 on'],
    [['--rate', '-1'], '--rate: "-1" is not a number above 0'],
    [['--rate', '0'], '--rate: "0" is not a number above 0'],
    [['--rate', 'Infinity'], '--rate: "Infinity" is not a number above 0'],
    [['--data', ''], '--data: "" is not the path of a folder'],
  ])('%j', (words, reason) => {
    expect(readOptions(words, '.faas')).toEqual({ kind: 'refused', reason });
  });
});
