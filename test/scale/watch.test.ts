import { expect, test } from 'vitest';
import type { PeerView } from '../../bench/scaling/peers.ts';
import { Watch } from '../../bench/scaling/real/watch.ts';
import { known, unknown } from '../../controller/scale/figure.ts';

const because = 'as it is';
const pods = (starting: number, ready: number, draining: number) => ({ starting, ready, draining });

test('pods count while they start, work and drain; a change of the wanted number is an action', () => {
  const watch = new Watch({ name: 'faas' }, 1);
  watch.see({ pods: pods(0, 1, 0), replicas: 1, because }, 60_000);
  watch.see({ pods: pods(2, 1, 0), replicas: 3, because }, 120_000);
  watch.see({ pods: pods(0, 3, 0), replicas: 3, because }, 130_000);
  watch.see({ pods: pods(0, 1, 2), replicas: 1, because }, 180_000);
  expect(watch.result(30_000, [0], new Map(), 180_000)).toMatchObject({
    podMinutes: 1 + 3 + 0.5 + 2.5,
    slowestStartMs: 0,
    actions: [
      { atMs: 120_000, from: 1, to: 3, because },
      { atMs: 180_000, from: 3, to: 1, because },
    ],
  });
});

test('a start takes from the first look at which pods are short to the last one', () => {
  const watch = new Watch({ name: 'faas' }, 1);
  watch.see({ pods: pods(0, 1, 0), replicas: 2, because }, 1_000);
  watch.see({ pods: pods(1, 1, 0), replicas: 2, because }, 1_500);
  watch.see({ pods: pods(0, 2, 0), replicas: 2, because }, 2_000);
  expect(watch.result(30_000, [0], new Map(), 2_000).slowestStartMs).toBe(500);
});

test('ages are from the sending to the end of the handler, and of what still waits to the end of the run', () => {
  const watch = new Watch({ name: 'faas' }, 1);
  const sentMs = [0, 1_000, 60_000, 80_000];
  const finishedMs = new Map([
    [0, 29_999],
    [1, 31_000],
    [2, 100_001],
  ]);
  expect(watch.result(30_000, sentMs, finishedMs, 100_000)).toMatchObject({ withinMaxAge: 0.5, p99AgeMs: 40_000, waitingAtEnd: 2 });
});

test('a rule is asked with what it wished for last, says changes only, and is not asked where the lag is unknown', () => {
  const asked: number[] = [];
  const rule = ({ replicas, lagEvents }: PeerView) => {
    asked.push(replicas);
    return Math.ceil(lagEvents / 10);
  };
  const watch = new Watch({ name: 'keda', peer: () => rule }, 1);
  const wishes = [known(35), known(38), unknown, known(10)].map((backlogEvents, tick) => watch.wish({ backlogEvents }, tick * 1_000, 0));
  expect(wishes).toEqual([4, undefined, undefined, 1]);
  expect(asked).toEqual([1, 4, 4]);
});
