import { expect, test } from 'vitest';
import { BatchBuffers } from '../../controller/wire/batch-buffers.ts';

const kibibyte = 1024;

test('a buffer that was given back is taken again, by who wants about as much', () => {
  const buffers = new BatchBuffers();
  const first = buffers.take(100 * kibibyte);
  expect(first.length).toBe(128 * kibibyte);
  expect(buffers.take(100 * kibibyte).buffer).not.toBe(first.buffer);
  buffers.giveBack(first.subarray(0, 10));
  expect(buffers.take(200 * kibibyte).buffer).not.toBe(first.buffer);
  const again = buffers.take(65 * kibibyte);
  expect([again.buffer === first.buffer, again.length]).toEqual([true, 128 * kibibyte]);
  expect(buffers.take(100 * kibibyte).buffer).not.toBe(first.buffer);
});

test('small ones, and ones of other sizes, are not kept', () => {
  const buffers = new BatchBuffers();
  for (const bytes of [new Uint8Array(2 * kibibyte), new Uint8Array(100 * kibibyte)]) {
    buffers.giveBack(bytes);
    expect(buffers.take(bytes.length).buffer).not.toBe(bytes.buffer);
  }
  expect(buffers.take(2 * kibibyte).length).toBe(2 * kibibyte);
});

test('no more than four mebibytes are kept', () => {
  const buffers = new BatchBuffers();
  const taken = Array.from({ length: 8 }, () => buffers.take(1024 * kibibyte));
  for (const bytes of taken) buffers.giveBack(bytes);
  const known = new Set(taken.map(({ buffer }) => buffer));
  expect(taken.filter(() => known.has(buffers.take(1024 * kibibyte).buffer))).toHaveLength(4);
});
