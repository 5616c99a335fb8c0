import fc from 'fast-check';
import kafkajsCrc32c from 'kafkajs/src/protocol/recordBatch/crc32C/index.js';
import { expect, test } from 'vitest';
import { crc32c } from '../../../controller/adapters/kafka/crc32c.ts';

// RFC 3720, appendix B.4.
test.each([
  ['zeros', new Uint8Array(32), 0x8a9136aa],
  ['ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['rising', Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
  ['the digits', new TextEncoder().encode('123456789'), 0xe3069283],
  ['nothing', new Uint8Array(0), 0],
])('is what the standard says: %s', (_, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected);
});

test('law: a part of other bytes has the checksum that kafkajs counts', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (all, from) => {
      const part = all.subarray(from);
      expect(crc32c(part)).toBe(kafkajsCrc32c(Buffer.from(part)));
    }),
  );
});
