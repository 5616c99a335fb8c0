import fc from 'fast-check';
import { Command } from 'ioredis';
import { expect, test } from 'vitest';
import { PackedArguments, packCommand } from '../../controller/adapters/redis/packed-command.ts';

test('a command is written as ioredis would write it', () => {
  const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 12 }), fc.string({ unit: 'binary', minLength: 70, maxLength: 120 }));
  const number = fc.oneof(fc.maxSafeInteger(), fc.double({ min: -1e15, max: 1e15 }));
  const bytes = fc.uint8Array({ maxLength: 200 }).map(value => Buffer.from(value));
  fc.assert(
    fc.property(fc.array(fc.oneof(text, number, bytes), { maxLength: 20 }), args => {
      const theirs = Buffer.from(new Command('EVALSHA', args).toWritable({}));
      expect(packCommand(['EVALSHA', ...args]).equals(theirs)).toBe(true);
      const packed = new PackedArguments(8);
      for (const arg of args) {
        if (arg instanceof Uint8Array) packed.addWritten(arg.length, (target, at) => arg.copy(target, at));
        else packed.add(arg);
      }
      expect(packed.count).toBe(args.length);
      expect(packCommand(['EVALSHA', packed]).equals(theirs)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('a length that gets more digits by what is not ASCII', () => {
  expect(packCommand(['ä'.repeat(9)]).toString()).toBe(`*1\r\n$18\r\n${'ä'.repeat(9)}\r\n`);
});
