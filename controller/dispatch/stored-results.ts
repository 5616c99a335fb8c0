import type { Clock } from '../clock.ts';
import type { StateStore } from '../ports/state.ts';
import type { Log } from '../telemetry/log.ts';
import type { Dispatcher } from './dispatcher.ts';
import { ResultWaiters } from './result-waiters.ts';

export interface StoredResultsOptions {
  readonly state: Pick<StateStore, 'known'>;
  readonly clock: Clock;
  readonly log: Log;
}

const knownPollMs = { min: 25, max: 400 };

/** Answers those who wait for an event with what the store knows of its id. `isShared`: another process may commit what is waited for here, so the store is asked again. */
export async function watchKnown(
  options: StoredResultsOptions,
  { unit, id, isShared }: { readonly unit: string; readonly id: string; readonly isShared: boolean },
  waiters: ResultWaiters,
): Promise<void> {
  await settleKnown(options, unit, id, waiters);
  for (let pauseMs = knownPollMs.min; isShared && waiters.has(id); pauseMs = Math.min(knownPollMs.max, pauseMs * 2)) {
    await options.clock.sleep(pauseMs);
    await settleKnown(options, unit, id, waiters);
  }
}

/** A repetition of an event that was handled before gets the stored answer. */
export async function settleKnown({ state, log }: StoredResultsOptions, unit: string, id: string, waiters: ResultWaiters): Promise<void> {
  try {
    const [found] = await state.known(unit, [id]);
    if (found !== undefined) waiters.settle(id, { kind: 'ok', answer: found.answer });
  } catch (error) {
    log.warn('looking up an id failed', { unit, error: String(error) });
  }
}

/** For a process that dispatches nothing: it knows of results what the store knows. */
export function noDispatcher(options: StoredResultsOptions): Dispatcher {
  const waiters = new Map<string, ResultWaiters>();
  return {
    update(functions) {
      const units = new Set(functions.map(({ unit }) => unit));
      for (const unit of waiters.keys()) if (!units.has(unit)) waiters.delete(unit);
      for (const unit of units) if (!waiters.has(unit)) waiters.set(unit, new ResultWaiters(options.clock));
    },
    report: () => [],
    async resultOf(unit, id, timeoutMs) {
      const mine = waiters.get(unit);
      if (mine === undefined) return { kind: 'timeout' };
      const waiting = mine.wait(id, timeoutMs);
      void watchKnown(options, { unit, id, isShared: true }, mine);
      return waiting;
    },
    async stop() {},
  };
}
