import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DueQueue } from '../../controller/dispatch/due-queue.ts';
import { Fifo } from '../../controller/dispatch/fifo.ts';

test('what is due comes out by its time, and nothing before it', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100)), fc.nat(100), (times, nowMs) => {
      const queue = new DueQueue<number>();
      for (const time of times) queue.add(time, time);
      const out: number[] = [];
      for (let item = queue.takeDue(nowMs); item !== undefined; item = queue.takeDue(nowMs)) out.push(item);
      const sorted = times.toSorted((a, b) => a - b);
      expect(out).toEqual(sorted.filter(time => time <= nowMs));
      expect(queue.nextAtMs).toBe(sorted.find(time => time > nowMs));
      expect(queue.length).toBe(times.length - out.length);
    }),
  );
});

test('a fifo answers as an array does', () => {
  const command = fc.oneof(
    fc.nat(9).map(item => ({ kind: 'push' as const, item })),
    fc.constant({ kind: 'shift' as const, item: 0 }),
    fc.nat(3).map(item => ({ kind: 'take' as const, item })),
    fc.nat(9).map(item => ({ kind: 'unshift' as const, item })),
    fc.nat(9).map(item => ({ kind: 'keep' as const, item })),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), commands => {
      const fifo = new Fifo<number>();
      let naive: number[] = [];
      for (const { kind, item } of commands) {
        if (kind === 'push') {
          fifo.push(item);
          naive.push(item);
        } else if (kind === 'shift') expect(fifo.shift()).toBe(naive.shift());
        else if (kind === 'take') expect(fifo.take(item)).toEqual(naive.splice(0, item));
        else if (kind === 'unshift') {
          fifo.unshift([item, item + 1]);
          naive.unshift(item, item + 1);
        } else {
          fifo.keep(one => one !== item);
          naive = naive.filter(one => one !== item);
        }
        expect([...fifo]).toEqual(naive);
        expect(fifo.length).toBe(naive.length);
        expect(fifo.peek()).toBe(naive[0]);
      }
    }),
  );
});

test('a long fifo gives up the memory of what has left it', () => {
  const fifo = new Fifo<number>();
  for (let i = 0; i < 10_000; i += 1) {
    fifo.push(i);
    fifo.push(i);
    expect(fifo.shift()).toBe(i >> 1);
  }
  expect(fifo.length).toBe(10_000);
  expect(fifo.take(10_000)).toHaveLength(10_000);
});
