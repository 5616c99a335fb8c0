import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesOf, decodeBatches, encodeBatch } from '../../../controller/adapters/kafka/record-batch.ts';
import type { NewRecord, StreamRecord } from '../../../controller/ports/streams.ts';
import { packRecord } from '../../../runtime/protocol/record.ts';

const timeMs = 1_700_000_000_123;
const utf8 = new TextEncoder();
const bytes = fc.uint8Array({ maxLength: 200 });
const newRecord = fc.record({
  partition: fc.constant(0),
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 100 }), bytes), { maxLength: 12 }),
});

const packed = (record: NewRecord): NewRecord => ({ ...record, packed: packRecord(record) });
const plain = ({ key, value, headers }: NewRecord | StreamRecord) => ({
  key: key === null ? null : [...key],
  value: value === null ? null : [...value],
  headers: headers.map(([name, part]) => [name, [...part]]),
});

async function decoded(batch: Buffer, fromOffset = 0): Promise<readonly StreamRecord[]> {
  return (await decodeBatches(batch, fromOffset, [])).records;
}

test('law: what is encoded comes back, whether it came in parts or in one piece, and both are the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(newRecord, { minLength: 1, maxLength: 8 }), async records => {
      const batch = await encodeBatch(records, timeMs, 'none');
      expect(await encodeBatch(records.map(packed), timeMs, 'none')).toEqual(batch);
      const read = await decoded(batch);
      expect(read.map(plain)).toEqual(records.map(plain));
      expect(read.map(({ offset, appendedAtMs }) => [offset, appendedAtMs])).toEqual(records.map((_, at) => [at, timeMs]));
      // And once more, as a record that was read and is passed on.
      expect(
        await encodeBatch(
          read.map(({ packed, ...record }) => ({ ...record, ...plainParts(packed), partition: 0 })),
          timeMs,
          'none',
        ),
      ).toEqual(batch);
    }),
  );
});

function plainParts(piece: StreamRecord['packed']): Pick<NewRecord, 'key' | 'value' | 'headers' | 'packed'> {
  if (piece === undefined) throw new Error('it was read in one piece');
  return { key: null, value: null, headers: [], packed: piece };
}

test('law: what a record is counted with is at least what it takes', async () => {
  await fc.assert(
    fc.asyncProperty(newRecord, async record => {
      const overhead = 61;
      const taken = (await encodeBatch([record], timeMs, 'none')).length - overhead;
      expect(bytesOf(record)).toBeGreaterThanOrEqual(taken);
      expect(bytesOf(packed(record))).toBeGreaterThanOrEqual(taken);
    }),
  );
});

test('records before the wanted offset are passed over', async () => {
  const records = ['a', 'b', 'c'].map(text => ({ partition: 0, key: null, value: utf8.encode(text), headers: [] }));
  const read = await decoded(await encodeBatch(records, timeMs, 'none'), 1);
  expect(read.map(({ offset, value }) => [offset, String.fromCharCode(...(value ?? []))])).toEqual([
    [1, 'b'],
    [2, 'c'],
  ]);
});

test('a large value has a buffer of its own, with room for headers', async () => {
  const value = new Uint8Array(2 ** 20).fill(7);
  const headers = [['a', utf8.encode('1')] as const];
  const [read] = await decoded(await encodeBatch([{ partition: 0, key: null, value, headers }], timeMs, 'gzip'));
  expect(read?.value).toEqual(value);
  expect(read?.packed?.bytes.length).toBeLessThan(value.length * 1.6);
});

test('the name of a header that is longer than 65 535 bytes is cut, and what comes after it is right', async () => {
  const headers = [
    ['x'.repeat(70_000), utf8.encode('1')],
    ['next', utf8.encode('2')],
  ] as const;
  const one = { partition: 0, key: utf8.encode('k'), value: null, headers };
  const next = { partition: 0, key: utf8.encode('l'), value: null, headers: [] };
  const read = await decoded(await encodeBatch([one, next], timeMs, 'none'));
  expect(read.map(plain)).toEqual([plain({ ...one, headers: [['x'.repeat(65_535), utf8.encode('1')], headers[1]] }), plain(next)]);
});

test('more headers than 65 535 are left out, and what comes after them is right', async () => {
  const headers = Array.from({ length: 70_000 }, () => ['h', utf8.encode('')] as const);
  const next = { partition: 0, key: null, value: utf8.encode('v'), headers: [] };
  const [first, second] = await decoded(await encodeBatch([{ partition: 0, key: null, value: null, headers }, next], timeMs, 'none'));
  expect(first?.headers.length).toBe(65_535);
  expect(second === undefined ? undefined : plain(second)).toEqual(plain(next));
});
