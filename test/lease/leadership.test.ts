import { expect, test } from 'vitest';
import { MemoryRegistry } from '../../controller/adapters/memory/memory-registry.ts';
import { exclusively } from '../../controller/lease/exclusive-work.ts';
import { runWhileLeading } from '../../controller/lease/leadership-loop.ts';
import { leaseMs } from '../../controller/lease/lease-holder.ts';
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
