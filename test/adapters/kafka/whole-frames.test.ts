import fc from 'fast-check';
import { expect, test } from 'vitest';
import { giveFrame, takeFrame } from '../../../controller/adapters/kafka/frame-buffers.ts';
import { wholeFrames } from '../../../controller/adapters/kafka/whole-frames.ts';

/** Hands bytes over as a socket does: into the buffer that it is given, at most so many at a time. */
function handOver(bytes: Buffer, atATime: (turn: number) => number, take: (frame: Buffer) => void): void {
  const { buffer, callback } = wholeFrames(take);
  if (typeof buffer !== 'function') throw new Error('the buffer is asked for each time');
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const target = buffer();
    const length = Math.min(target.length, atATime(turn), bytes.length - at);
    target.set(bytes.subarray(at, at + length));
    at += length;
    callback(length, target);
  }
}

function framed(bodies: readonly Uint8Array[]): Buffer {
  return Buffer.concat(bodies.flatMap(body => [lengthOf(body.length), body]));
}

function lengthOf(bytes: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes);
  return length;
}

const none = Buffer.alloc(0);
const body = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.integer({ min: 0, max: 70_000 }).map(length => new Uint8Array(length).fill(length)),
);

test('law: however the bytes are cut, each frame comes whole, in its turn, and stays as it came until it is given back', () => {
  fc.assert(
    fc.property(fc.array(body, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1 }), (bodies, cuts) => {
      const frames: Buffer[] = [];
      const copies: Buffer[] = [];
      handOver(
        framed(bodies),
        turn => cuts[turn % cuts.length] ?? 1,
        frame => {
          frames.push(frame);
          copies.push(Buffer.from(frame));
          // Every other one is given back, and may be written to again.
          if (frames.length % 2 === 0) giveFrame(frame);
        },
      );
      expect(Buffer.concat(copies).equals(framed(bodies))).toBe(true);
      expect(copies.map(({ length }) => length)).toEqual(bodies.map(({ length }) => 4 + length));
      for (let index = 0; index < frames.length; index += 2) expect(frames[index]?.equals(copies[index] ?? none)).toBe(true);
    }),
  );
});

test('a length is believed as far as bytes come: the memory for 17 MiB is taken in two steps, and for what speaks another protocol once', () => {
  const large = Buffer.alloc(17 * 2 ** 20, 7);
  const frames: Buffer[] = [];
  handOver(
    framed([large]),
    () => 2 ** 20,
    frame => frames.push(frame),
  );
  expect(frames).toHaveLength(1);
  expect(frames[0]?.subarray(4).equals(large)).toBe(true);

  const { buffer, callback } = wholeFrames(frame => frames.push(frame));
  const ask = buffer as () => Uint8Array;
  const greeting = Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n');
  ask().set(greeting);
  callback(greeting.length, ask());
  expect([frames.length, ask().length < 17 * 2 ** 20]).toEqual([1, true]);
});

test('the memory of a frame is used again once it was given back, and only once; that of other bytes never', () => {
  const frame = takeFrame(100_000);
  giveFrame(frame.subarray(4));
  giveFrame(frame);
  const [again, another] = [takeFrame(120_000), takeFrame(120_000)];
  expect([again.buffer === frame.buffer, another.buffer === frame.buffer]).toEqual([true, false]);
  const foreign = Buffer.from(new ArrayBuffer(131_072));
  giveFrame(foreign);
  expect(takeFrame(120_000).buffer).not.toBe(foreign.buffer);
});

test('after a hundred small answers in a row nothing is kept', () => {
  const frame = takeFrame(100_000);
  giveFrame(frame);
  for (let small = 0; small < 100; small += 1) takeFrame(60);
  expect(takeFrame(100_000).buffer).not.toBe(frame.buffer);
});

test('kafkajs hands a whole answer on as it is: what it keeps of the one before is forgotten', async () => {
  const { default: Connection } = await import('kafkajs/src/network/connection.js');
  await import('../../../controller/adapters/kafka/brokers.ts');
  const payloads: Buffer[] = [];
  const connection = Object.assign(Object.create(Connection.prototype), {
    ...{ chunks: [], bytesBuffered: 0, bytesNeeded: 4, authHandlers: null },
    requestQueue: { fulfillRequest: ({ payload }: { payload: Buffer }) => payloads.push(payload) },
  });
  // Too large for the memory that Node shares between small ones.
  const bodies = ['0001one '.repeat(2_000), '0002another '.repeat(2_000)];
  const frames = bodies.map(text => framed([Buffer.from(text)]));
  for (const frame of frames) connection.processData(frame);
  expect(payloads.map(String)).toEqual(bodies.map(text => text.slice(4)));
  expect(payloads.map(({ buffer }, at) => buffer === frames[at]?.buffer)).toEqual([true, true]);
  // In pieces, as over TLS.
  const cut = framed([Buffer.from('0003in pieces')]);
  for (const byte of cut) connection.processData(Buffer.of(byte));
  expect(String(payloads[2])).toBe('in pieces');
});
