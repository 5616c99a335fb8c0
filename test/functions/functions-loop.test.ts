import { beforeEach, describe, expect, test } from 'vitest';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { createFunctionsLoop, type FunctionsLoop } from '../../controller/functions/functions-loop.ts';
import type { Registry } from '../../controller/ports/registry.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { functionSpec } from '../support/function-spec.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const spec = functionSpec('totals');
const context = { context: 'shop', owner: 'team-shop', streams: [], functions: [spec] };
const revision = (digit: string) => ({
  ...{ functionName: 'totals', hash: digit.repeat(64), bundleHash: 'f'.repeat(64), spec, createdAtMs: 1 },
});

describe('the picture of what is live', () => {
  let clock: VirtualClock;
  let registry: Registry;
  let loop: FunctionsLoop;
  let reads = 0;
  /** What everyone was told, as `<revision>`, with `held` where it is not handled. */
  let told: string[];

  beforeEach(() => {
    clock = new VirtualClock();
    ({ registry } = createMemoryAdapters({ clock, random: seededRandom(1) }));
    reads = 0;
    told = [];
    const { functions } = registry;
    Object.assign(registry, {
      functions: (of?: string) => {
        reads += 1;
        return functions.call(registry, of);
      },
    });
    loop = createFunctionsLoop({ registry, clock, log: silentLog }, (live, handled) => {
      told.push(live.map(one => `${one.revision}${handled.includes(one) ? '' : ' held'}`).join(' '));
    });
  });

  const deploy = async (digit: string) => {
    const [put] = await registry.putRevisions('shop', [revision(digit)]);
    await registry.activate(context, new Map([['totals', put?.id ?? '']]), clock.now());
  };

  test('hundreds of hints are one look at a time, and one more for what came during it', async () => {
    await deploy('a');
    await clock.advance(10);
    reads = 0;
    await Promise.all(Array.from({ length: 300 }, () => registry.putRevisions('shop', [revision('a')])));
    await clock.advance(10);
    expect(reads).toBeLessThanOrEqual(2);
  });

  test('a hint that nothing has come of is told to nobody; one behind which something is live is', async () => {
    await deploy('a');
    await clock.advance(10);
    expect(told).toEqual(['r1-aaaaaaaa']);
    await registry.putRevisions('shop', [revision('b')]);
    await registry.prune(1);
    await clock.advance(10);
    expect(told).toEqual(['r1-aaaaaaaa']);
    await deploy('b');
    await clock.advance(10);
    expect(told).toEqual(['r1-aaaaaaaa', 'r2-bbbbbbbb']);
  });

  test('who asks is told in any case, of all that was live before the question, also where a hint was on its way', async () => {
    await deploy('a');
    await loop.refresh();
    expect(told.at(-1)).toBe('r1-aaaaaaaa');
    const before = told.length;
    await registry.putRevisions('shop', [revision('a')]);
    await loop.refresh();
    expect(told.slice(before)).toEqual(['r1-aaaaaaaa']);
    await deploy('b');
    await loop.refresh();
    expect([told.at(-1), loop.live()[0]?.revision]).toEqual(['r2-bbbbbbbb', 'r2-bbbbbbbb']);
  });

  test('a held function is live and not handled, until the hold is released or over', async () => {
    await deploy('a');
    await registry.hold('shop.totals', clock.now() + 5_000);
    await clock.advance(10);
    expect([told.at(-1), loop.handled()]).toEqual(['r1-aaaaaaaa held', []]);
    await clock.advance(4_980);
    expect(told.at(-1)).toBe('r1-aaaaaaaa held');
    await clock.advance(20);
    expect(told.at(-1)).toBe('r1-aaaaaaaa');
    await registry.hold('shop.totals', clock.now() + 5_000);
    await registry.hold('shop.totals', undefined);
    await clock.advance(10);
    expect(told.at(-1)).toBe('r1-aaaaaaaa');
  });

  test('stopped, it looks no more', async () => {
    await deploy('a');
    await registry.hold('shop.totals', clock.now() + 5_000);
    await clock.advance(10);
    loop.stop();
    const before = told.length;
    await deploy('b');
    await clock.advance(10_000);
    expect(told.length).toBe(before);
  });
});
