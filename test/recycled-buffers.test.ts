import { expect, test } from 'vitest';
import { RecycledBuffers } from '../controller/recycled-buffers.ts';

const kibibyte = 1024;
const keptBytesMax = 4 * 1024 * kibibyte;

test('a buffer that was given back is taken again, by who wants about as much', () => {
  const buffers = new RecycledBuffers(keptBytesMax);
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
  const buffers = new RecycledBuffers(keptBytesMax);
  for (const bytes of [new Uint8Array(2 * kibibyte), new Uint8Array(100 * kibibyte)]) {
    buffers.giveBack(bytes);
    expect(buffers.take(bytes.length).buffer).not.toBe(bytes.buffer);
  }
  expect(buffers.take(2 * kibibyte).length).toBe(2 * kibibyte);
});

test('no more than four mebibytes are kept', () => {
  const buffers = new RecycledBuffers(keptBytesMax);
  const taken = Array.from({ length: 8 }, () => buffers.take(1024 * kibibyte));
  for (const bytes of taken) buffers.giveBack(bytes);
  const known = new Set(taken.map(({ buffer }) => buffer));
  expect(taken.filter(() => known.has(buffers.take(1024 * kibibyte).buffer))).toHaveLength(4);
});

test('after it was cleared none is kept', () => {
  const buffers = new RecycledBuffers(keptBytesMax);
  const first = buffers.take(100 * kibibyte);
  buffers.giveBack(first);
  buffers.clear();
  expect(buffers.take(100 * kibibyte).buffer).not.toBe(first.buffer);
});

test('who wants less takes a larger one', () => {
  const buffers = new RecycledBuffers(keptBytesMax);
  const large = buffers.take(1024 * kibibyte);
  buffers.giveBack(large);
  expect(buffers.take(40 * kibibyte).buffer).toBe(large.buffer);
});

test('a large one that is given back takes the room of smaller ones, and never of one as large', () => {
  const buffers = new RecycledBuffers(keptBytesMax);
  const small = Array.from({ length: 8 }, () => buffers.take(512 * kibibyte));
  const [large, another] = [buffers.take(2048 * kibibyte), buffers.take(4096 * kibibyte)];
  for (const bytes of [...small, large]) buffers.giveBack(bytes);
  const taken = Array.from({ length: 8 }, () => buffers.take(512 * kibibyte).buffer);
  expect([taken.filter(buffer => small.some(bytes => bytes.buffer === buffer)).length, taken.includes(large.buffer)]).toEqual([4, true]);
  buffers.giveBack(another);
  buffers.giveBack(large);
  expect([buffers.take(2048 * kibibyte).buffer === another.buffer, buffers.take(2048 * kibibyte).buffer === large.buffer]).toEqual([
    true,
    false,
  ]);
});
