import { expect, test } from 'vitest';
import { RecordPacker } from '../../runtime/protocol/record.ts';

const none = new Uint8Array(0);

test.each([
  [
    'more headers than a record can say',
    (packer: RecordPacker) => {
      for (let i = 0; i <= 0xffff; i += 1) packer.header('n', '');
      packer.end();
    },
    /65537 headers, 65535 are allowed/,
  ],
  [
    'a name that is longer than a record can say',
    (packer: RecordPacker) => packer.header('n'.repeat(0x10000), ''),
    /65536 bytes, 65535 are allowed/,
  ],
])('%s is refused, and the next record is right', (_, pack, message) => {
  const packer = new RecordPacker();
  packer.beginText('a', none);
  packer.header('first', '1');
  expect(() => pack(packer)).toThrow(message);
  packer.beginText('b', 'second');
  packer.header('name', 'ä');
  const { keyText, value, headers } = packer.end();
  expect([keyText, Buffer.from(value ?? none).toString()]).toEqual(['b', 'second']);
  expect(headers.map(([name, header]) => [name, Buffer.from(header).toString()])).toEqual([['name', 'ä']]);
});

test('names of any kind come back as they were', () => {
  const packer = new RecordPacker();
  packer.beginText(null, none);
  packer.header('ce_id', '1');
  packer.header('__proto__', '2');
  packer.header('12', '3');
  expect(packer.end().headers.map(([name]) => name)).toEqual(['ce_id', '__proto__', '12']);
});
