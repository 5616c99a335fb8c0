import { nextDue } from '../cron/due-times.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import { amountOf } from './figure.ts';
import { IdleTimes, type StoredIdleTimes } from './idle-times.ts';
import { isWarm, planWarm, type WarmPlan, worthOf } from './keep-warm.ts';
import type { ScaleObservation } from './observation.ts';
import { type ScalePolicy, startGuessMs } from './policy.ts';

/** A function without pods is looked at every 10 s, and a wish takes a tick: so much earlier it is called back. */
const lookMs = 12_000;
/** A pod that is to be called back later is given up after this time, not at the first gap between two events. */
const graceMs = 10_000;
/** After a caller has woken, what it declares to call is kept ready for so long. */
const callSoonMs = 60_000;
/** Gaps between events of a function at work are no idle times. */
const idleLeastMs = 1_000;

interface Habit {
  times: IdleTimes;
  plan: WarmPlan | undefined;
  idleSinceMs: number | undefined;
  changed: boolean;
  /** When its schedules are due next, by the clock of the wall; the live function that this was asked of. */
  due: { readonly of: LiveFunction; readonly atMs: number | undefined } | undefined;
  calledUntilMs: number;
}

export interface IdleFunction {
  readonly unit: string;
  readonly idleMs: number;
  readonly pods: number;
}

/**
 * What `warm.keep: auto` means for each function at this moment: how long it is kept by its own idle times, whether it is called back ahead of the next event, of a due
 * time, or of a caller that has woken. `coldMs`: what a cold start is worth in time of an idle pod.
 */
export class WarmBook {
  readonly #coldMs: number;
  readonly #habits = new Map<string, Habit>();
  /** Given up for the rest of an idle time, by when that began. */
  readonly #evicted = new Map<string, number>();
  /** Not live any more: what is stored of them is to be removed. */
  readonly #gone = new Set<string>();

  constructor(coldMs: number) {
    this.#coldMs = coldMs;
  }

  within(
    live: LiveFunction,
    policy: ScalePolicy,
    seen: ScaleObservation | undefined,
    now: { nowMs: number; steadyMs: number },
  ): ScalePolicy {
    if (live.spec.warm.keepMs !== 'auto') return policy;
    const habit = this.#of(live.unit);
    const ahead = this.#ahead(live, seen, now);
    if (ahead !== undefined) return withOne(policy, ahead);
    if (this.#evicted.has(live.unit)) return { ...policy, keepMs: 0 };
    const leadMs = (amountOf(seen?.startMs ?? { state: 'unknown' }) ?? startGuessMs) + lookMs;
    habit.plan ??= planWarm(habit.times, this.#coldMs, leadMs);
    const { fromMs, untilMs } = habit.plan;
    const leastMs = Math.min(graceMs, this.#coldMs);
    if (fromMs === 0) return { ...policy, keepMs: Math.max(untilMs, leastMs) };
    const idleMs = habit.idleSinceMs === undefined ? 0 : now.steadyMs - habit.idleSinceMs;
    return isWarm(habit.plan, idleMs) ? { ...withOne(policy, 'habit'), keepMs: untilMs } : { ...policy, keepMs: leastMs };
  }

  /** Whether a pod has to be there at this moment although nothing waits: it is looked at in each tick then. */
  isExpected(live: LiveFunction, seen: ScaleObservation | undefined, now: { nowMs: number; steadyMs: number }): boolean {
    if (live.spec.warm.keepMs !== 'auto') return false;
    const habit = this.#of(live.unit);
    if (this.isAhead(live, seen, now)) return true;
    const { plan, idleSinceMs } = habit;
    return (
      !this.#evicted.has(live.unit) &&
      plan !== undefined &&
      plan.fromMs > 0 &&
      idleSinceMs !== undefined &&
      isWarm(plan, now.steadyMs - idleSinceMs)
    );
  }

  /** Learns from what was seen. A figure that is not known ends no idle time. */
  observe(unit: string, { idleMs, steadyMs, backlogEvents }: ScaleObservation): void {
    const habit = this.#of(unit);
    if (idleMs !== undefined) habit.idleSinceMs = steadyMs - idleMs;
    if (idleMs !== undefined || habit.idleSinceMs === undefined || backlogEvents.state !== 'known') return;
    const wasIdleMs = steadyMs - habit.idleSinceMs;
    habit.idleSinceMs = undefined;
    if (wasIdleMs < idleLeastMs) return;
    habit.times.add(wasIdleMs);
    habit.plan = undefined;
    habit.changed = true;
  }

  /** A function has got its first pod: what it calls will be called. */
  woke(live: Pick<LiveFunction, 'spec'>, steadyMs: number): void {
    for (const unit of live.spec.calls) this.#of(unit).calledUntilMs = steadyMs + callSoonMs;
  }

  /**
   * Of the functions that keep idle pods, those whose pods are worth least are given up until no more than `podsMax` are idle; for as long as they are idle, or their
   * habit would call them back a moment later.
   */
  evict(idle: readonly IdleFunction[], podsMax: number): void {
    for (const [unit, sinceMs] of this.#evicted) {
      const { idleSinceMs = Number.POSITIVE_INFINITY } = this.#of(unit);
      if (idleSinceMs > sinceMs + idleLeastMs) this.#evicted.delete(unit);
    }
    const kept = idle.filter(one => !this.#evicted.has(one.unit));
    let pods = kept.reduce((sum, one) => sum + one.pods, 0);
    if (pods <= podsMax) return;
    const valued = kept.map(one => ({ ...one, value: worthOf(this.#of(one.unit).times, this.#coldMs, one.idleMs) }));
    for (const one of valued.sort((a, b) => a.value - b.value || b.idleMs - a.idleMs)) {
      if (pods <= podsMax) break;
      this.#evicted.set(one.unit, this.#of(one.unit).idleSinceMs ?? Number.NEGATIVE_INFINITY);
      pods -= one.pods;
    }
  }

  keepOnly(units: ReadonlySet<string>): void {
    for (const unit of this.#habits.keys()) {
      if (units.has(unit)) continue;
      this.#habits.delete(unit);
      this.#evicted.delete(unit);
      this.#gone.add(unit);
    }
  }

  /** Of which functions something is to be stored, or removed. */
  changed(): readonly string[] {
    return [...[...this.#habits].filter(([, habit]) => habit.changed).map(([unit]) => unit), ...this.#gone];
  }

  /** As JSON; undefined: nothing is to be kept of it. */
  print(unit: string): StoredIdleTimes | undefined {
    return this.#habits.get(unit)?.times.print();
  }

  /** That was stored, or removed. What was learned meanwhile is still to be stored. */
  stored(unit: string, printed: StoredIdleTimes | undefined): void {
    this.#gone.delete(unit);
    const habit = this.#habits.get(unit);
    if (habit !== undefined && habit.times.count === printed?.count) habit.changed = false;
  }

  /** What was stored once; a function that was seen already keeps what is known of it. */
  remember(unit: string, stored: unknown): void {
    const habit = this.#of(unit);
    if (habit.times.count > 0) return;
    habit.times = IdleTimes.read(stored);
    habit.plan = undefined;
  }

  /** A due time, or a caller that has woken, wants a pod to be there. */
  isAhead(live: LiveFunction, seen: ScaleObservation | undefined, now: { nowMs: number; steadyMs: number }): boolean {
    return live.spec.warm.keepMs === 'auto' && this.#ahead(live, seen, now) !== undefined;
  }

  /** Undefined: neither a due time nor a caller. */
  #ahead(live: LiveFunction, seen: ScaleObservation | undefined, { nowMs, steadyMs }: { nowMs: number; steadyMs: number }) {
    const habit = this.#of(live.unit);
    if (habit.calledUntilMs > steadyMs) return 'caller';
    const leadMs = (amountOf(seen?.startMs ?? { state: 'unknown' }) ?? startGuessMs) + lookMs;
    const dueMs = dueOf(habit, live, nowMs);
    return dueMs !== undefined && dueMs - nowMs <= leadMs ? 'due' : undefined;
  }

  #of(unit: string): Habit {
    const found = this.#habits.get(unit);
    if (found !== undefined) return found;
    const habit: Habit = {
      times: IdleTimes.none(),
      plan: undefined,
      idleSinceMs: undefined,
      changed: false,
      due: undefined,
      calledUntilMs: Number.NEGATIVE_INFINITY,
    };
    this.#habits.set(unit, habit);
    return habit;
  }
}

/** Asked of the calendar once per due time; it is the same one until its event has had the time to come. */
function dueOf(habit: Habit, live: LiveFunction, nowMs: number): number | undefined {
  const { due } = habit;
  const isFresh = due?.of === live && (due.atMs === undefined || due.atMs + graceMs > nowMs);
  if (due !== undefined && isFresh) return due.atMs;
  const times = live.spec.on
    .flatMap(trigger => (trigger.kind === 'schedule' ? [nextDue(trigger, nowMs)] : []))
    .filter(time => time !== undefined);
  const atMs = times.length === 0 ? undefined : Math.min(...times);
  habit.due = { of: live, atMs };
  return atMs;
}

/** A pod is there ahead of work: it is a minimum like any other, and no more than what is allowed. */
function withOne(policy: ScalePolicy, boundsFrom: 'habit' | 'due' | 'caller'): ScalePolicy {
  return policy.min > 0 || policy.max < 1 ? policy : { ...policy, min: 1, boundsFrom };
}
