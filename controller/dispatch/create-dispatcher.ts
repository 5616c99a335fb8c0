import type { LiveFunction } from '../functions/live-function.ts';
import type { Dispatcher, DispatcherOptions, SettledResult } from './dispatcher.ts';
import { FunctionLoop } from './function-loop.ts';

/** How long a function that is not live any more may finish what is in flight. */
const removalGraceMs = 10_000;

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const loops = new Map<string, FunctionLoop>();
  /** Functions that are being stopped: one that comes back waits for it. */
  const ending = new Map<string, Promise<void>>();
  let stopped = false;

  const end = (unit: string, loop: FunctionLoop, graceMs: number): Promise<void> => {
    const ended = (ending.get(unit) ?? Promise.resolve())
      .then(() => loop.stop(graceMs))
      .catch(error => options.log.error('stopping a function failed', { unit, error: String(error) }))
      .finally(() => {
        if (ending.get(unit) === ended) ending.delete(unit);
      });
    ending.set(unit, ended);
    return ended;
  };

  return {
    update(functions) {
      if (stopped) return;
      const units = new Set(functions.map(({ unit }) => unit));
      for (const [unit, loop] of loops) {
        if (units.has(unit)) continue;
        loops.delete(unit);
        void end(unit, loop, removalGraceMs).then(() => options.metrics.forget(unit));
      }
      for (const live of functions) add(live);
    },
    report: () => [...loops.values()].map(loop => loop.report()),
    async resultOf(unit, eventId, timeoutMs): Promise<SettledResult> {
      return (await loops.get(unit)?.resultOf(eventId, timeoutMs)) ?? { kind: 'timeout' };
    },
    async stop(graceMs) {
      stopped = true;
      for (const [unit, loop] of loops) void end(unit, loop, graceMs);
      loops.clear();
      await Promise.all(ending.values());
    },
  };

  function add(live: LiveFunction): void {
    const loop = loops.get(live.unit);
    if (loop !== undefined) {
      loop.update(live);
      return;
    }
    const added = new FunctionLoop(options, live);
    loops.set(live.unit, added);
    const before = ending.get(live.unit);
    if (before === undefined) added.start();
    else void before.then(() => added.start());
  }
}
