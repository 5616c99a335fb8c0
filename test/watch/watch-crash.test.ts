import { expect, test } from 'vitest';
import { expectWhole, World } from './watch-world.ts';

const names = ['stays', 'goes', 'returns', 'comes'];

/** The same life of four objects; the watcher is killed at its nth step, and the next one begins after the change that follows. Answers the steps. */
async function life(emits: 'inline' | 'outbox', killedAt: number): Promise<readonly string[]> {
  const world = await new World(emits).open();
  const steps: string[] = [];
  const killing = (name: string) => steps.push(name) === killedAt;
  for (const name of ['stays', 'goes', 'returns']) world.put(name, 1);
  let watcher = world.start(undefined, killing);
  const happens: (() => void)[] = [
    () => world.put('stays', 2),
    () => world.put('comes', 1),
    () => world.objects.remove('n/goes'),
    () => world.objects.remove('n/returns'),
    () => world.put('returns', 2),
    () => world.put('stays', 3),
  ];
  for (const happen of happens) {
    await world.clock.advance(2_000);
    happen();
    if (watcher.isDead) watcher = world.start();
  }
  await world.clock.advance(1_000);
  // Whoever comes last has nothing to tell but what is missing.
  watcher.kill();
  const last = world.start();
  await world.clock.advance(20_000);
  await last.stop();
  const at = steps[killedAt - 1] ?? 'nowhere';
  const now: Readonly<Record<string, number>> = { stays: 3, returns: 2, comes: 1 };
  try {
    expectWhole(await world.told(), names, name => now[name]);
  } catch (error) {
    throw new Error(`killed at step ${killedAt}, ${at}: ${String(error)}`, { cause: error });
  }
  return steps;
}

test.each(['inline', 'outbox'] as const)(
  'a watcher that is killed at any of its steps: no change lost, none told twice, none older after a newer one; emits %s',
  async emits => {
    const steps = await life(emits, 0);
    expect(new Set(steps)).toContain('watch.before-commit');
    expect(new Set(steps)).toContain('watch.after-commit');
    expect(steps.length).toBeGreaterThan(40);
    for (let step = 1; step <= steps.length; step += 1) await life(emits, step);
  },
);
