import type { Clock } from '../clock.ts';
import type { Conditions } from '../conditions/conditions.ts';
import type { UnitReport } from '../dispatch/dispatcher.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { History } from '../ports/history.ts';
import type { StateStore } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import type { Random } from '../random.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { BudgetBook } from './budget-book.ts';
import type { ScaleConditionType, ScaleDecision, ScaleInputs } from './decision.ts';
import { LogEnds } from './log-ends.ts';
import type { PartitionFigures } from './observe.ts';
import type { Overrides } from './overrides.ts';
import type { ScalePolicy } from './policy.ts';
import { PartitionReader } from './read-sample.ts';
import { policyOf } from './resolve-policy.ts';
import type { ScaleView } from './scale-view.ts';
import { UnitScaling } from './unit-scaling.ts';
import { type IdleFunction, WarmBook } from './warm-book.ts';
import { loadHabits, saveHabits } from './warm-store.ts';

export interface PodCounts {
  readonly ready: number;
  readonly starting: number;
  readonly draining: number;
}

export interface ScaleLoopOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly history: Pick<History, 'write'>;
  readonly streams: Pick<Streams, 'ends' | 'bounds' | 'committed' | 'read'>;
  readonly state: Pick<StateStore, 'progress' | 'claim' | 'read' | 'commit' | 'list'>;
  readonly random: Random;
  readonly conditions: Pick<Conditions, 'raise' | 'clear'>;
  /** What a cold start is worth in time of an idle pod, and how long a function is kept whose idle times are not known. */
  readonly idleLimitMs: number;
  /** Idle pods that are kept beyond the minimum of their functions, over all of them. */
  readonly idlePodsMax: () => number;
  /** Pods over all functions; 0: no such bound. */
  readonly budget: number;
  readonly live: () => readonly LiveFunction[];
  readonly report: () => readonly UnitReport[];
  /** Direct calls: work that no stream shows. `takenTotal` only grows. */
  readonly calls: (unit: string) => { readonly open: number; readonly takenTotal: number };
  readonly pods: () => ReadonlyMap<string, PodCounts>;
  readonly replicas: (unit: string) => number;
  readonly scale: (unit: string, replicas: number) => void;
  readonly overrides: Pick<Overrides, 'of' | 'load'>;
}

const tickMs = 1_000;
/** After a start all partitions may have something that waits and no dispatcher yet. */
const timesPerTickMax = 16;
/** A tick goes on with what it has when the log does not answer sooner. */
const readWaitMs = 500;
/** A function without pods and without work is looked at in one tick of so many. */
const idleEvery = 10;
/** It has no pod to lose: what cannot be read of it in its turn is read in one of the next ticks, and only after this time is it said not to be readable. */
const idleGoodForMs = 25_000;
/** Idle times are stored in one tick of so many. */
const habitsEvery = 600;
/** Who stops waits for a store no longer than that. */
const saveWaitMs = 3_000;
const observationEveryMs = 10_000;
const quietEveryMs = 60_000;
const stuckAfterMs = 60_000;
const noPods: PodCounts = { ready: 0, starting: 0, draining: 0 };

interface Unit {
  readonly scaling: UnitScaling;
  readonly partitions: PartitionReader;
  /** In which of `idleEvery` ticks it is looked at while it is idle. */
  readonly turn: number;
  /** Its turn is over, and it could not be read. */
  isLate: boolean;
  conditions: ReadonlySet<ScaleConditionType>;
  observedAtMs: number;
  askedPods: number;
}

/** Observes, decides, acts, records: once a second, and at once when the data plane asks for pods. */
export class ScaleLoop implements ScaleView {
  readonly #options: ScaleLoopOptions;
  readonly #logs: LogEnds;
  readonly #units = new Map<string, Unit>();
  readonly #budget: BudgetBook;
  readonly #warm: WarmBook;
  /** They were read once. */
  #knowsOverrides = false;
  #loading: Promise<void> | undefined;
  #ticks = 0;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: ScaleLoopOptions) {
    this.#options = options;
    this.#logs = new LogEnds(options);
    this.#budget = new BudgetBook(options.budget);
    this.#warm = new WarmBook(options.idleLimitMs);
  }

  inputs(unit: string): ScaleInputs | undefined {
    return this.#units.get(unit)?.scaling.latest;
  }

  partitions(unit: string): readonly PartitionFigures[] {
    return this.#units.get(unit)?.scaling.partitions(this.#options.clock.steady()) ?? [];
  }

  /** The data plane asks; answered at once, because waiting for the next tick would be the whole of a warm start. */
  want(name: string, pods: number, reason: 'first-event' | 'waiting-events' | 'direct-call'): void {
    const { clock, calls, replicas } = this.#options;
    const wished = replicas(name);
    // Events that wait for busy pods are in the figures of the next tick.
    if (reason === 'waiting-events' && wished > 0) return;
    const live = this.#options.live().find(one => one.unit === name);
    if (live === undefined) return;
    const unit = this.#unitOf(name);
    unit.askedPods = Math.max(pods, unit.askedPods);
    const policy = this.#claimed(live);
    this.#budget.ask(name, pods, clock.steady());
    const asked = {
      atMs: clock.now(),
      steadyMs: clock.steady(),
      openCalls: calls(name).open,
      askedPods: unit.askedPods,
      replicas: wished,
      pods: unit.scaling.latest?.observation.pods ?? noPods,
    };
    this.#act(live, unit, unit.scaling.ask(asked, this.#budget.within(name, policy)));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    await loadHabits(this.#options, this.#warm).catch(error => log.warn('idle times cannot be read', { error }));
    while (!signal.aborted) {
      await this.tick().catch(error => log.error('scaling failed', { error }));
      await clock.sleep(tickMs, signal);
    }
    // Whoever scales next finds by itself what holds.
    for (const [name, unit] of this.#units) this.#tell(name, [], unit.conditions);
    const saved = new AbortController();
    await Promise.race([this.#save().finally(() => saved.abort()), clock.sleep(saveWaitMs, saved.signal)]);
  }

  /** One after another, so that what is written last is the newest. */
  #save(): Promise<void> {
    this.#saving = this.#saving
      .then(() => saveHabits(this.#options, this.#warm))
      .catch(error => this.#options.log.warn('idle times cannot be stored', { error }));
    return this.#saving;
  }

  async tick(): Promise<void> {
    const { clock, report, live, pods } = this.#options;
    const reports = new Map(report().map(one => [one.unit, one]));
    const functions = live();
    this.#forget(functions);
    const due = functions.filter(one => this.#isDue(one, reports.get(one.unit)));
    const topics = new Set(due.flatMap(one => one.subscriptions.map(({ topic }) => topic)));
    if (this.#ticks % idleEvery === 0 || !this.#knowsOverrides) {
      this.#loading ??= this.#loadOverrides().finally(() => {
        this.#loading = undefined;
      });
      if (!this.#knowsOverrides) await Promise.race([this.#loading, clock.sleep(readWaitMs)]);
    }
    if (this.#ticks % habitsEvery === habitsEvery - 1) {
      // Functions that went while no server ran are known from the store only.
      this.#warm.keepOnly(new Set(functions.map(one => one.unit)));
      void this.#save();
    }
    this.#ticks += 1;
    // Without what was set by hand pods would go that are to stay.
    if (!this.#knowsOverrides) return;
    await Promise.race([this.#logs.read([...topics]), clock.sleep(readWaitMs)]);
    const counts = pods();
    this.#warm.evict(this.#idle(functions), this.#options.idlePodsMax());
    const claiming = this.#options.budget > 0 ? functions : due;
    const policies = new Map(claiming.map(one => [one.unit, this.#claimed(one)]));
    this.#budget.share(clock.steady());
    for (const one of due) {
      const policy = policies.get(one.unit) ?? this.#claimed(one);
      this.#decide(one, this.#budget.within(one.unit, policy), reports.get(one.unit), counts.get(one.unit) ?? noPods);
    }
    this.#askTimes(due);
  }

  /** Where no dispatcher has read what waits, as while a partition has none, its log says when it came. No tick waits for that. */
  #askTimes(due: readonly LiveFunction[]): void {
    const { clock } = this.#options;
    const steadyMs = clock.steady();
    const rows = due.flatMap(({ unit }) => this.#unitOf(unit).scaling.unsure(steadyMs)).slice(0, timesPerTickMax);
    if (rows.length === 0) return;
    const asked = rows.map(({ name, frontier }) => ({ name, frontier }));
    void this.#logs.times(asked, (index, appendedAtMs) =>
      rows[index]?.hear(asked[index]?.frontier ?? 0, appendedAtMs, { atMs: clock.now(), steadyMs: clock.steady() }),
    );
  }

  async #loadOverrides(): Promise<void> {
    try {
      await this.#options.overrides.load();
      this.#knowsOverrides = true;
    } catch (error) {
      this.#options.log.warn('overrides cannot be read', { error });
    }
  }

  #decide(live: LiveFunction, policy: ScalePolicy, report: UnitReport | undefined, pods: PodCounts): void {
    const { clock, calls, replicas } = this.#options;
    const name = live.unit;
    const unit = this.#unitOf(name);
    const steadyMs = clock.steady();
    const { open, takenTotal } = calls(name);
    const partitions = unit.partitions.read(live, report, this.#logs, steadyMs);
    const seenMs = unit.scaling.latest?.observation.steadyMs ?? Number.NEGATIVE_INFINITY;
    unit.isLate = partitions === undefined && open === 0 && this.#isResting(live, report) && steadyMs - seenMs < idleGoodForMs;
    if (unit.isLate) return;
    const sample = {
      atMs: clock.now(),
      steadyMs,
      partitions,
      busyMsTotal: report?.busyMsTotal ?? 0,
      inFlight: report?.inFlight ?? 0,
      isFull: report?.isFull ?? false,
      usefulPods: report !== undefined && report.waiting > report.inFlight ? Math.max(1, report.usablePods) : undefined,
      openCalls: open,
      callsTotal: takenTotal,
      askedPods: unit.askedPods,
      pods,
      replicas: replicas(name),
      paused: report?.failing !== undefined,
    };
    unit.askedPods = 0;
    const stuckMs = Math.max(stuckAfterMs, 2 * live.spec.limits.timeoutMs);
    const decision = unit.scaling.tick(sample, policy, stuckMs);
    this.#act(live, unit, decision);
    this.#observed(name, unit, decision);
  }

  /** Functions that keep pods for nothing but the next event. */
  #idle(functions: readonly LiveFunction[]): readonly IdleFunction[] {
    return functions.flatMap(live => {
      const { unit, spec } = live;
      const observation = this.#units.get(unit)?.scaling.latest?.observation;
      const idleMs = observation?.idleMs;
      const replicas = this.#options.replicas(unit);
      if (spec.warm.keepMs !== 'auto' || idleMs === undefined || replicas === 0) return [];
      // Not the minimum of a decision: a habit that calls a pod back makes it one.
      const { min, max } = this.#boundsOf(live);
      const pods = replicas - Math.min(Math.max(min, this.#warm.isAhead(live, observation, this.#now()) ? 1 : 0), max);
      return pods <= 0 ? [] : [{ unit, idleMs, pods }];
    });
  }

  #boundsOf({ unit, spec }: LiveFunction): ScalePolicy {
    const { clock, idleLimitMs, overrides } = this.#options;
    return policyOf(spec, { nowMs: clock.now(), idleLimitMs, override: overrides.of(unit) });
  }

  /** What holds for it apart from the budget, of which it claims its part. */
  #claimed(live: LiveFunction): ScalePolicy {
    const { unit, spec } = live;
    const policy = this.#warm.within(live, this.#boundsOf(live), this.#units.get(unit)?.scaling.latest?.observation, this.#now());
    if (this.#options.budget > 0) this.#budget.claim(unit, policy, spec.scale.weight ?? 1);
    return policy;
  }

  #now(): { readonly nowMs: number; readonly steadyMs: number } {
    return { nowMs: this.#options.clock.now(), steadyMs: this.#options.clock.steady() };
  }

  #act(live: LiveFunction, unit: Unit, decision: ScaleDecision): void {
    const name = live.unit;
    const { replicas, from, reason } = decision;
    const { scale, metrics, log } = this.#options;
    const isChange = replicas !== from;
    if (unit.scaling.latest !== undefined) this.#warm.observe(name, unit.scaling.latest.observation);
    if (from === 0 && replicas > 0) this.#warm.woke(live, this.#options.clock.steady());
    this.#budget.note(name, decision, this.#options.clock.steady());
    if (isChange) {
      scale(name, replicas);
      metrics.count('faas_scale_decisions_total', { unit: name, reason });
      log.info('scaled', { unit: name, from, replicas, reason });
    }
    if (this.#conditionsChanged(name, unit, decision) || isChange) this.#record('decision', name, unit, decision);
  }

  #conditionsChanged(name: string, unit: Unit, { conditions }: ScaleDecision): boolean {
    const types = new Set(conditions.map(one => one.type));
    const old = unit.conditions;
    if (types.size === old.size && [...types].every(type => old.has(type))) return false;
    unit.conditions = types;
    this.#tell(name, conditions, old);
    return true;
  }

  /** In the words of when it was found: figures change each second. That a function fails is told by who paused it. */
  #tell(unit: string, now: ScaleDecision['conditions'], before: ReadonlySet<ScaleConditionType>): void {
    const place = 'scaling';
    for (const { type, message, advice } of now) {
      if (type === 'Failing' || before.has(type)) continue;
      this.#options.conditions.raise({ unit, type, place, reason: type, message: `${message}. ${advice}` });
    }
    for (const type of before) {
      if (type !== 'Failing' && !now.some(one => one.type === type)) this.#options.conditions.clear({ unit, type, place });
    }
  }

  #observed(name: string, unit: Unit, decision: ScaleDecision): void {
    const nowMs = this.#options.clock.steady();
    const { observation } = unit.scaling.latest ?? {};
    const isQuiet =
      decision.replicas === 0 && decision.from === 0 && observation?.idleMs !== undefined && observation.idleMs > quietEveryMs;
    if (nowMs - unit.observedAtMs < (isQuiet ? quietEveryMs : observationEveryMs) - tickMs / 2) return;
    unit.observedAtMs = nowMs;
    this.#record('observation', name, unit, decision);
  }

  /** Its inputs, and the number that they gave: all else is computed from them again. */
  #record(kind: 'decision' | 'observation', name: string, unit: Unit, { replicas, from, reason }: ScaleDecision): void {
    const inputs = unit.scaling.latest;
    if (inputs === undefined) return;
    this.#options.history.write({
      kind,
      atMs: this.#options.clock.now(),
      unit: name,
      data: { what: 'scale', replicas, from, reason, inputs },
    });
  }

  /** Idle functions take turns, so that a thousand of them cost little. */
  #isDue(live: LiveFunction, report: UnitReport | undefined): boolean {
    const { turn, isLate } = this.#unitOf(live.unit);
    return this.#ticks % idleEvery === turn || isLate || !this.#isResting(live, report);
  }

  /** When it was looked at last it had no work, and nothing says that it has some, or pods, by now. */
  #isResting(live: LiveFunction, report: UnitReport | undefined): boolean {
    const { scaling, askedPods } = this.#unitOf(live.unit);
    if (scaling.latest === undefined) return false;
    const { observation } = scaling.latest;
    const { backlogEvents, openCalls, idleMs } = observation;
    if (backlogEvents.state !== 'known' || backlogEvents.value > 0 || openCalls > 0 || idleMs === undefined) return false;
    if (this.#warm.isExpected(live, observation, this.#now())) return false;
    return this.#options.replicas(live.unit) === 0 && (report?.waiting ?? 0) === 0 && askedPods === 0;
  }

  #unitOf(name: string): Unit {
    const found = this.#units.get(name);
    if (found !== undefined) return found;
    const unit: Unit = {
      scaling: new UnitScaling(),
      partitions: new PartitionReader(),
      turn: this.#units.size % idleEvery,
      isLate: false,
      conditions: new Set(),
      observedAtMs: Number.NEGATIVE_INFINITY,
      askedPods: 0,
    };
    this.#units.set(name, unit);
    return unit;
  }

  #forget(functions: readonly LiveFunction[]): void {
    if (this.#units.size <= functions.length) return;
    const names = new Set(functions.map(one => one.unit));
    for (const name of this.#units.keys()) if (!names.has(name)) this.#units.delete(name);
    this.#budget.keepOnly(names);
    this.#warm.keepOnly(names);
    this.#logs.keepOnly(new Set(functions.flatMap(one => one.subscriptions.map(({ topic }) => topic))), names);
  }
}
