import { expect, test } from 'vitest';
import { ReplyBuffer } from '../../runtime/pod/reply-buffer.ts';
import { createLinesArea, UnsentLines } from '../../runtime/pod/unsent-lines.ts';

const batch = { id: 1, events: 1_000 };

/** A buffer with one open batch, whose loop does not turn: it hands over what its own rules say and nothing else. */
function watchedBuffer() {
  const seen = { nowMs: 0, sent: 0 };
  const buffer = new ReplyBuffer(
    () => {
      seen.sent += 1;
    },
    () => seen.nowMs,
    () => {},
    new UnsentLines(createLinesArea()),
  );
  buffer.open(batch.id, batch.events);
  return { buffer, seen };
}

/** Results of handlers that take so long, one after the other: after which of them something was handed over. */
function handedOver(busyMs: number, results: number): readonly number[] {
  const { buffer, seen } = watchedBuffer();
  const after: number[] = [];
  for (let index = 0; index < results; index += 1) {
    const before = seen.sent;
    seen.nowMs += busyMs;
    const outcome = { kind: 'ok', reads: [], writes: [], emits: [], answer: undefined, filtered: false, busyMs, enteredAtMs: 0 } as const;
    buffer.result(batch.id, { index, outcome });
    if (seen.sent > before) after.push(index + 1);
  }
  return after;
}

test.each([
  ['2 ms after the first of them', 1, 6, [3, 6]],
  ['as soon as that, where the clock is looked at for each', 0.25, 18, [9, 18]],
  ['of quick handlers with the eighth result after that', 0.04, 112, [56, 112]],
  ['of the quickest when there are 512, and with the last of the batch', 0.001, batch.events, [512, batch.events]],
])('results are handed over %s', (_, busyMs, results, after) => {
  expect(handedOver(busyMs, results)).toEqual(after);
});

test('a failure is never quick: the clock is read for it', () => {
  const { buffer, seen } = watchedBuffer();
  for (let index = 0; index < 2; index += 1) {
    buffer.result(batch.id, { index, outcome: { kind: 'returned', why: 'draining' } });
    seen.nowMs += 3;
  }
  expect(seen.sent).toBe(1);
});
