import { afterEach, beforeEach, expect, test } from 'vitest';
import { Hub } from '../../controller/cluster/hub.ts';
import { Member } from '../../controller/cluster/member-loop.ts';
import type { Hosting, LeaderLink, PodsAnswer, ProcessReport, ReportAnswer } from '../../controller/cluster/messages.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { podOf, reportOf, unit } from './cluster-samples.ts';

let clock: VirtualClock;
let leader: LeaderLink | undefined;
let hosting: Partial<Hosting>;
let answers: PodsAnswer[];
let inFlight: ReportAnswer['inFlightByPod'][];
let member: Member;
const stops: AbortController[] = [];
const running: Promise<unknown>[] = [];

beforeEach(() => {
  clock = new VirtualClock();
  leader = undefined;
  hosting = { revision: 1 };
  answers = [];
  inFlight = [];
  member = memberOf('a', () => reportOf('a', hosting));
});
afterEach(async () => {
  for (const stop of stops.splice(0)) stop.abort();
  await clock.advance(5_000);
  await Promise.all(running.splice(0));
});

function memberOf(process: string, report: () => ProcessReport): Member {
  const created = new Member({
    process,
    leader: async () => leader,
    report,
    onPods: answer => process === 'a' && answers.push(answer),
    onInFlight: figures => process === 'a' && inFlight.push(figures),
    clock,
    log: silentLog,
  });
  const stop = new AbortController();
  stops.push(stop);
  running.push(created.run(stop.signal));
  return created;
}

function lead(fencing: number): { readonly hub: Hub; readonly resign: () => void } {
  const hub = new Hub({ term: `term-${fencing}`, fencing, clock, onWant: ({ unit, pods }) => hub.scale(unit, pods) });
  const stop = new AbortController();
  stops.push(stop);
  running.push(hub.run(stop.signal));
  leader = hub;
  return { hub, resign: () => stop.abort() };
}

const wish = { unit, pods: 2, reason: 'first-event' } as const;

test('without a leader nobody hears a wish; as soon as there is one it does, and answers with shares', async () => {
  await clock.advance(1_000);
  expect([member.hasLeader, member.want(wish)]).toEqual([false, false]);
  lead(1);
  await clock.advance(1_000);
  expect([member.hasLeader, member.want(wish)]).toEqual([true, true]);
  await clock.advance(100);
  expect(answers.at(-1)?.shares).toEqual(new Map([[unit, 2]]));
});

test('what has changed is told at once, the rest each second', async () => {
  const { hub } = lead(1);
  await clock.advance(1_000);
  const before = inFlight.length;
  await clock.advance(5_000);
  expect(inFlight.length - before).toBe(5);
  hosting = { revision: 2, pods: [podOf('p')] };
  member.poke();
  await clock.advance(1);
  expect(hub.podsOf(unit)).toEqual([podOf('p')]);
});

test('a leader that has been followed by another one is not listened to any more', async () => {
  const old = lead(1);
  await clock.advance(1_000);
  const next = lead(2);
  old.resign();
  await clock.advance(3_000);
  expect([member.hasLeader, answers.at(-1)?.fencing]).toEqual([true, 2]);
  next.resign();
  lead(1);
  await clock.advance(5_000);
  expect([member.hasLeader, answers.at(-1)?.fencing]).toEqual([false, 2]);
});

test('a wish that a leader does not hear costs it nothing but the wish', async () => {
  const { hub } = lead(1);
  leader = {
    report: report => hub.report(report),
    pods: (...question) => hub.pods(...question),
    want: async () => {
      throw new Error('cut off');
    },
  };
  await clock.advance(2_000);
  expect(member.want(wish)).toBe(true);
  await clock.advance(1);
  expect(member.hasLeader).toBe(true);
});

test('waits until all others have seen a change of its pods; for those who do not answer 3 s, and without a leader not at all', async () => {
  await member.released(5);
  lead(1);
  memberOf('b', () => reportOf('b'));
  await clock.advance(2_000);
  const takes = async (): Promise<number> => {
    const fromMs = clock.steady();
    hosting = { ...hosting, revision: (hosting.revision ?? 0) + 1 };
    member.poke();
    let tookMs: number | undefined;
    void member.released(hosting.revision ?? 0).then(() => {
      tookMs = clock.steady() - fromMs;
    });
    await clock.advance(4_000);
    return tookMs ?? Number.POSITIVE_INFINITY;
  };
  expect(await takes()).toBeLessThan(300);
  // Somebody who reports, and never asks.
  const deaf = new AbortController();
  stops.push(deaf);
  running.push(
    (async () => {
      while (!deaf.signal.aborted) {
        await leader?.report(reportOf('deaf')).catch(() => undefined);
        await clock.sleep(1_000, deaf.signal);
      }
    })(),
  );
  await clock.advance(2_000);
  expect(await takes()).toBe(3_000);
});
