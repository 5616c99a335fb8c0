import { expect, test } from 'vitest';
import { MemoryRegistry } from '../../controller/adapters/memory/memory-registry.ts';
import { exclusively } from '../../controller/lease/exclusive-work.ts';
import { runWhileLeading } from '../../controller/lease/leadership-loop.ts';
import { leaseMs } from '../../controller/lease/lease-holder.ts';
import { together } from '../../controller/lease/together.ts';
import type { Registry } from '../../controller/ports/registry.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

test('one leads at a time; one that is gone is followed within the lease, one that stops in good order at the next look', async () => {
  const clock = new VirtualClock();
  const shared = new MemoryRegistry();
  const leading = new Set<string>();
  const contender = (holder: string) => {
    const stop = new AbortController();
    let isCutOff = false;
    const registry: Pick<Registry, 'lead' | 'resign'> = {
      lead: async (...args) => {
        if (isCutOff) throw new Error('cut off');
        return shared.lead(...args);
      },
      resign: (...args) => shared.resign(...args),
    };
    const work = async (signal: AbortSignal) => {
      leading.add(holder);
      await clock.sleep(1e9, signal);
      leading.delete(holder);
    };
    const over = runWhileLeading({ registry, clock, log: silentLog, holder }, 'controller', work, stop.signal);
    return { over, stop: () => stop.abort(), cutOff: () => (isCutOff = true) };
  };
  const [a, b] = [contender('a'), contender('b')];
  await clock.advance(100);
  expect([...leading]).toEqual(['a']);
  a.cutOff();
  for (let ms = 0; ms <= leaseMs + 2_000; ms += 100) {
    await clock.advance(100);
    expect(leading.size).toBeLessThanOrEqual(1);
  }
  expect([...leading]).toEqual(['b']);
  a.stop();
  b.stop();
  await clock.advance(1);
  await Promise.all([a.over, b.over]);
  expect(leading.size).toBe(0);
  expect(await shared.lead('controller', 'c', 1, clock.now())).toBeDefined();
});

test('who leads and fails lets somebody else lead, until it is its turn again', async () => {
  const clock = new VirtualClock();
  const registry = new MemoryRegistry();
  const began: string[] = [];
  const stop = new AbortController();
  const contend = (holder: string, fails: boolean) => {
    const work = async (signal: AbortSignal) => {
      began.push(holder);
      if (fails) throw new Error('cannot work');
      await clock.sleep(1e9, signal);
    };
    return runWhileLeading({ registry, clock, log: silentLog, holder }, 'controller', work, stop.signal);
  };
  const broken = contend('broken', true);
  await clock.advance(1);
  const whole = contend('whole', false);
  await clock.advance(leaseMs);
  expect([began[0], began.at(-1)]).toEqual(['broken', 'whole']);
  const terms = began.length;
  await clock.advance(10 * leaseMs);
  expect(began.length).toBe(terms);
  stop.abort();
  await clock.advance(1);
  await Promise.all([broken, whole]);
});

test('parts that stand and fall together: the first failure ends all, and nobody is left behind', async () => {
  const clock = new VirtualClock();
  const ended: string[] = [];
  const sleeper = (name: string) => async (signal: AbortSignal) => {
    await clock.sleep(1e9, signal);
    await clock.sleep(50);
    ended.push(name);
  };
  const over = together(new AbortController().signal, [
    sleeper('a'),
    async () => {
      await clock.sleep(10);
      throw new Error('broken');
    },
    sleeper('b'),
  ]);
  const refused = expect(over).rejects.toThrow('broken');
  await clock.advance(59);
  expect(ended).toEqual([]);
  await clock.advance(1);
  await refused;
  expect(ended).toEqual(['a', 'b']);
  const stop = new AbortController();
  const stopped = together(stop.signal, [sleeper('c')]);
  stop.abort();
  await clock.advance(50);
  await stopped;
});

test('work of one name is done by one at a time, whoever it is', async () => {
  const clock = new VirtualClock();
  const registry = new MemoryRegistry();
  let [inside, most, done] = [0, 0, 0];
  const work = async () => {
    inside += 1;
    most = Math.max(most, inside);
    await clock.sleep(7_000);
    inside -= 1;
    done += 1;
  };
  const all = ['a', 'b', 'c'].map(holder => exclusively({ registry, clock, log: silentLog, holder }, 'deployments', work));
  for (let ms = 0; ms < 25_000; ms += 100) await clock.advance(100);
  await Promise.all(all);
  expect({ most, done }).toEqual({ most: 1, done: 3 });
});
