import type { ServerResponse } from 'node:http';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OpenBatch } from '../../runtime/pod/open-batch.ts';
import { type Replies, ReplyBuffer } from '../../runtime/pod/reply-buffer.ts';
import { createLinesArea, readUnsent, UnsentLines } from '../../runtime/pod/unsent-lines.ts';
import { readFrames } from '../../runtime/protocol/frame.ts';
import type { PodLog } from '../../runtime/protocol/messages.ts';
import { readReply } from '../../runtime/protocol/reply.ts';
import { bytes, text } from './pod-fixture.ts';

const read = (area: SharedArrayBuffer, batchId: number, from = 0) => readUnsent(area, batchId, from).map(text);

test('what was kept of a batch is read in its order, from a place on', () => {
  const area = createLinesArea();
  const lines = new UnsentLines(area);
  expect(lines.keep(1, 0, bytes('a'))).toBe(true);
  expect(lines.keep(2 ** 40, 7, bytes('of another batch'))).toBe(true);
  expect(lines.keep(1, 1, bytes(''))).toBe(true);
  expect(lines.keep(1, 1, bytes('12345678'))).toBe(true);
  expect(read(area, 1)).toEqual(['a', '', '12345678']);
  expect(read(area, 1, 1)).toEqual(['', '12345678']);
  expect(read(area, 1, 2)).toEqual([]);
  expect(read(area, 2 ** 40)).toEqual(['of another batch']);
  expect(read(area, 3)).toEqual([]);
});

test.each([
  ['less than there is', 32, true],
  ['all of it', 40, true],
  ['one byte more', 41, false],
  ['more than the whole area', 1_000, false],
])('a full area keeps what it has: room for %s', (_, length, fits) => {
  const area = createLinesArea(24 + 8 + 24 + 40);
  const lines = new UnsentLines(area);
  lines.keep(1, 0, bytes('first'));
  expect(lines.keep(1, 5, bytes('x'.repeat(length)))).toBe(fits);
  expect(read(area, 1)).toEqual(fits ? ['first', 'x'.repeat(length)] : ['first']);
});

test('an area that was emptied has nothing, and all its room again', () => {
  const area = createLinesArea(24 + 40);
  const lines = new UnsentLines(area);
  for (let turn = 0; turn < 3; turn += 1) {
    expect(lines.keep(1, turn, bytes(`${turn}`.repeat(40)))).toBe(true);
    expect(lines.keep(1, turn, bytes('no more'))).toBe(false);
    expect(read(area, 1)).toEqual([`${turn}`.repeat(40)]);
    lines.empty();
    expect(read(area, 1)).toEqual([]);
  }
});

test('an area without room keeps nothing, and lines are handed over at once', () => {
  const sent: Replies[] = [];
  const area = createLinesArea(0);
  const replies = new ReplyBuffer(
    out => sent.push(out),
    () => 0,
    () => {},
    new UnsentLines(area),
  );
  replies.open(1, 1);
  replies.log(1, line(1, 0));
  replies.log(1, line(1, 1));
  expect(sent.flatMap(({ frames }) => linesOf(frames))).toEqual(['1/0', '1/1']);
});

test('lines of a long loop go in pieces as large as the area, not one by one', () => {
  const sent: Replies[] = [];
  const replies = new ReplyBuffer(
    out => sent.push(out),
    () => 0,
    () => {},
    new UnsentLines(createLinesArea()),
  );
  replies.open(1, 1);
  for (let n = 0; n < 2_000; n += 1) replies.log(1, line(1, n));
  replies.flush();
  expect(sent.flatMap(({ frames }) => linesOf(frames))).toHaveLength(2_000);
  expect(sent.length).toBeLessThan(10);
});

/** Where a thread ends: not before the last step, or in the middle of handing over, before or after the message left. */
const ends = fc.constantFrom('between steps', 'before the message', 'after the message');
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('log' as const), batch: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('answer' as const), batch: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('turn' as const), batch: fc.constant(0) }) },
  ),
  { maxLength: 60 },
);

test('wherever a thread ends, each line that was written arrives once, in its order; the one that it was writing may', () => {
  fc.assert(
    fc.property(steps, ends, fc.nat({ max: 8 }), fc.constantFrom(0, 320, 64 * 1024), (plan, end, messages, room) => {
      const { written, begun, arrived } = untilEnd(plan, end, messages, room);
      expect([written, begun]).toContainEqual(arrived);
    }),
  );
});

/** A thread that runs the plan, and ends at its last step or at one of its messages; then what the shim makes of it. */
function untilEnd(
  plan: readonly { readonly do: 'log' | 'answer' | 'turn'; readonly batch: number }[],
  end: 'between steps' | 'before the message' | 'after the message',
  messages: number,
  room: number,
): { written: string[][]; begun: string[][]; arrived: string[][] } {
  const area = createLinesArea(room);
  const out: Uint8Array[][] = [[], [], []];
  const open = out.map((written, at) => new OpenBatch(at + 1, { eventCount: 1_000, waits: false }, new Uint8Array(), responseTo(written)));
  for (const batch of open) batch.begin(area);
  const begun: string[][] = [[], [], []];
  const written: string[][] = [[], [], []];
  let left = end === 'between steps' ? Number.POSITIVE_INFINITY : messages;
  let turn = () => {};
  const replies = new ReplyBuffer(
    ({ batchId, frames, answered }) => {
      left -= 1;
      if (left < 0 && end === 'before the message') throw new ThreadEnded();
      open[batchId - 1]?.pass(frames, answered);
      if (left < 0) throw new ThreadEnded();
    },
    () => 0,
    flush => {
      turn = flush;
    },
    new UnsentLines(area),
  );
  for (const batchId of [1, 2, 3]) replies.open(batchId, 1_000);
  try {
    for (const [n, step] of plan.entries()) {
      if (step.do === 'turn') turn();
      else if (step.do === 'answer') replies.result(step.batch, { index: n, outcome: { kind: 'returned', why: 'draining' } });
      else {
        const { message } = line(step.batch, n);
        begun[step.batch - 1]?.push(message);
        replies.log(step.batch, line(step.batch, n));
        written[step.batch - 1]?.push(message);
      }
    }
  } catch (error) {
    if (!(error instanceof ThreadEnded)) throw error;
  }
  for (const batch of open) batch.settle(new Map(), { kind: 'returned', why: 'worker-ended' });
  return { written, begun, arrived: out.map(frames => linesOf(Buffer.concat(frames))) };
}

class ThreadEnded extends Error {}

function line(batch: number, n: number): PodLog {
  return { index: n, level: 'info', message: `${batch}/${n}`, fields: undefined, atMs: 0, traceparent: undefined };
}

function linesOf(frames: Uint8Array): string[] {
  const lines: string[] = [];
  readFrames(frames, frame => {
    const reply = readReply(frame);
    if (reply.kind === 'log') lines.push(reply.log.message);
  });
  return lines;
}

function responseTo(out: Uint8Array[]): ServerResponse {
  const response = { headersSent: true, write: (frames: Uint8Array) => out.push(frames) };
  return response as unknown as ServerResponse;
}
