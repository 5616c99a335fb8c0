import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from '../../../controller/adapters/kafka/byte-writer.ts';
import { bytesOf, decodeBatches, encodeBatch } from '../../../controller/adapters/kafka/record-batch.ts';
import type { NewRecord, StreamRecord } from '../../../controller/ports/streams.ts';
import { PackedRecord, packRecord } from '../../../runtime/protocol/record.ts';

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
  const { records } = await decodeBatches(batch, fromOffset, []);
  return Array.from({ length: records.length }, (_, index) => records.at(index));
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

test('a record whose headers go beyond its end is not sent', async () => {
  const record = packRecord({ key: null, value: utf8.encode('v'), headers: [['name', utf8.encode('text')]] });
  const broken = record.bytes.slice();
  broken[record.headersAt + 5] = 100;
  const newRecord = { partition: 0, key: null, value: null, headers: [], packed: new PackedRecord(broken, record.at) };
  await expect(encodeBatch([newRecord], timeMs, 'none')).rejects.toThrow('longer than the bytes that hold it');
});

test('a large value has a buffer of its own, with room for headers', async () => {
  const value = new Uint8Array(2 ** 20).fill(7);
  const headers = [['a', utf8.encode('1')] as const];
  const [read] = await decoded(await encodeBatch([{ partition: 0, key: null, value, headers }], timeMs, 'gzip'));
  expect(read?.value).toEqual(value);
  expect(read?.packed?.bytes.length).toBeLessThan(value.length * 1.6);
});

const zigzag = (value: number) => (value < 0 ? -2 * value - 1 : 2 * value);

/** As others write it: without our limits. */
function batchOf(records: readonly (readonly (readonly [name: string, value: string])[])[]): Buffer {
  const body = new ByteWriter(2 ** 20);
  for (const [index, headers] of records.entries()) {
    const one = new ByteWriter(2 ** 20);
    one.int8(0).uvarint(0).uvarint(zigzag(index)).uvarint(zigzag(-1)).uvarint(zigzag(1)).bytes(utf8.encode('v'));
    one.uvarint(zigzag(headers.length));
    for (const text of headers.flat()) one.uvarint(zigzag(Buffer.byteLength(text))).bytes(utf8.encode(text));
    body.uvarint(zigzag(one.result().length)).bytes(one.result());
  }
  const afterLength = 49;
  const head = new ByteWriter(64).int64(0).int32(afterLength + body.result().length);
  head
    .int32(-1)
    .int8(2)
    .int32(0)
    .int16(0)
    .int32(records.length - 1)
    .int64(timeMs)
    .int64(timeMs);
  head.int64(-1).int16(-1).int32(-1).int32(records.length);
  return Buffer.concat([head.result(), body.result()]);
}

const textsOf = (record: StreamRecord | undefined) => ({
  value: Buffer.from(record?.value ?? []).toString(),
  headers: record?.headers.map(([name, value]) => [name, Buffer.from(value).toString()]),
});

test('the name of a header that is longer than 65 535 bytes is cut, and what comes after it is right', async () => {
  const [first, second] = await decoded(
    batchOf([
      [
        ['x'.repeat(70_000), '1'],
        ['next', '2'],
      ],
      [['h', '3']],
    ]),
  );
  expect(textsOf(first).headers).toEqual([
    ['x'.repeat(65_535), '1'],
    ['next', '2'],
  ]);
  expect(textsOf(second)).toEqual({ value: 'v', headers: [['h', '3']] });
});

test('more headers than 65 535 are left out, and what comes after them is right', async () => {
  const [first, second] = await decoded(batchOf([Array.from({ length: 70_000 }, () => ['h', ''] as const), [['h', '3']]]));
  expect(first?.headers.length).toBe(65_535);
  expect(textsOf(second)).toEqual({ value: 'v', headers: [['h', '3']] });
});

test.each<[string, NewRecord['headers']]>([
  ['more headers', Array.from({ length: 65_536 }, () => ['h', utf8.encode('')] as const)],
  ['a longer name', [['x'.repeat(65_536), utf8.encode('')]]],
])('%s than a record can say are refused, before anything is written', (_, headers) => {
  const record = { partition: 0, key: null, value: null, headers };
  expect(() => bytesOf(record)).toThrow(expect.objectContaining({ code: 'FAAS_WIRE' }));
  expect(() => packRecord(record)).toThrow(expect.objectContaining({ code: 'FAAS_WIRE' }));
});
