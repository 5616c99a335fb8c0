import type { LiveFunction } from '../functions/live-function.ts';

/** What is wanted of a function's pods. */
export interface Wish {
  live: LiveFunction;
  replicas: number;
  loadFailures: number;
  /** When pods of it ended by themselves soon after they had begun, lately. */
  crashedAtMs: readonly number[];
  notBeforeMs: number;
  /** Since when there are more pods than wanted. */
  surplusSinceMs: number | undefined;
}

/** How many pods each function is to have; `before` where it says the same. */
export function replicasOf(wishes: ReadonlyMap<string, Wish>, before: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  let isSame = wishes.size === before.size;
  for (const [unit, { replicas }] of wishes) isSame &&= before.get(unit) === replicas;
  return isSame ? before : new Map([...wishes].map(([unit, { replicas }]) => [unit, replicas]));
}

export function wantsNothing(wishes: ReadonlyMap<string, Wish>): boolean {
  for (const { replicas } of wishes.values()) if (replicas > 0) return false;
  return true;
}

/** So long a surplus pod may wait until it is seen idle, which under load it never is. */
const busySurplusMs = 5_000;

/** When a surplus pod goes although it has work: a handler that may run for longer than a drain waits is not interrupted for the sake of a smaller number. */
export function drainBusyAtMs(wish: Wish, ready: number, drainMs: number, nowMs: number): number {
  wish.surplusSinceMs = ready > wish.replicas ? (wish.surplusSinceMs ?? nowMs) : undefined;
  const mayInterrupt = wish.live.spec.limits.timeoutMs <= drainMs;
  return mayInterrupt && wish.surplusSinceMs !== undefined ? wish.surplusSinceMs + busySurplusMs : Number.POSITIVE_INFINITY;
}
