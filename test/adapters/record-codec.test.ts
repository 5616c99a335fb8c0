import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packRecords, unpackRecords } from '../../controller/adapters/sqlite/record-codec.ts';
import type { NewRecord } from '../../controller/ports/streams.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

test('the stored form is the golden one', () => {
  const records = [
    { key: bytes('k'), value: bytes('va'), headers: [['n', bytes('xyz')] as const] },
    { key: null, value: null, headers: [] },
  ];
  const { chunks, data } = packRecords(records, [7, 7]);
  expect(chunks).toEqual([{ slot: 7, records: 2, byteOffset: 0, byteLength: 41 }]);
  const record = '00000017' + '00000001' + '00000002' + '0001' + '6b' + '7661' + '0001' + '00000003' + '6e' + '78797a';
  const empty = '0000000a' + 'ffffffff' + 'ffffffff' + '0000';
  expect(Buffer.from(data).toString('hex')).toBe(record + empty);
});

test('packing and unpacking is a round trip, each slot in its order, in chunks of bounded size', () => {
  const content = fc.option(fc.oneof(fc.uint8Array({ maxLength: 50 }), fc.uint8Array({ minLength: 20_000, maxLength: 40_000 })), {
    nil: null,
  });
  const header = fc.tuple(fc.string({ unit: 'grapheme', maxLength: 10 }), fc.uint8Array({ maxLength: 20 }));
  const record = fc.record({ slot: fc.nat(3), key: content, value: content, headers: fc.array(header, { maxLength: 3 }) });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 30 }), records => {
      const { chunks, chunkOf, data } = packRecords(
        records,
        records.map(({ slot }) => slot),
      );
      const places = [...chunkOf].map((chunk, i) => ({ chunk, index: chunkOf.slice(0, i).filter(other => other === chunk).length }));
      const unpacked = chunks.map(chunk => unpackRecords(new Uint8Array(data, chunk.byteOffset, chunk.byteLength), 100, 5));
      expect(chunks.every((chunk, i) => chunk.byteLength <= 65_536 || unpacked[i]?.length === 1)).toBe(true);
      records.forEach(({ slot, ...expected }, i) => {
        const place = places[i] ?? { chunk: -1, index: -1 };
        const { key, value, headers, offset, appendedAtMs } = unpacked[place.chunk]?.[place.index] ?? {
          key: null,
          value: null,
          headers: [],
          offset: -1,
          appendedAtMs: -1,
        };
        expect(chunks[place.chunk]?.slot).toBe(slot);
        expect([offset, appendedAtMs]).toEqual([100 + place.index, 5]);
        expect(hex({ key, value, headers })).toEqual(hex(expected));
      });
      for (const slot of [0, 1, 2, 3]) {
        const order = records
          .flatMap((each, i) => (each.slot === slot ? [places[i]] : []))
          .map(place => (place?.chunk ?? 0) * 1e6 + (place?.index ?? 0));
        expect(order).toEqual(order.toSorted((a, b) => a - b));
      }
    }),
    { numRuns: 100 },
  );
});

function hex({ key, value, headers }: Pick<NewRecord, 'key' | 'value' | 'headers'>) {
  const of = (part: Uint8Array | null) => part && Buffer.from(part).toString('hex');
  return { key: of(key), value: of(value), headers: headers.map(([name, header]) => [name, of(header)]) };
}
