import { expect, test } from 'vitest';
import { askedBytes } from '../../../controller/adapters/kafka/fetch-size.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

test.each([
  ['nothing is known', undefined, mebibyte],
  ['many fit: a tail is worth no thought', 16 * kibibyte, mebibyte],
  ['eight fit, with the slack', 120 * kibibyte, mebibyte],
  ['seven fit', 128 * kibibyte, 7 * 136 * kibibyte],
  ['one fits', 640 * kibibyte, 680 * kibibyte],
  ['one just fits', 960 * kibibyte, 1020 * kibibyte],
  ['none fits: the first of a request is answered whole', 1000 * kibibyte, mebibyte],
  ['a giant', 20 * mebibyte, mebibyte],
])('%s', (_, batchBytes, asked) => {
  expect(askedBytes(batchBytes)).toBe(asked);
});
