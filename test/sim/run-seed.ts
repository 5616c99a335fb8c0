import { createMemoryAdapters, type MemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import type { DispatchLimits } from '../../controller/dispatch/dispatcher.ts';
import { type FaultPoint, faultPointNames } from '../../controller/fault-points.ts';
import { deadLetterTopicOf, inboxTopicOf } from '../../controller/functions/live-function.ts';
import type { StateStore } from '../../controller/ports/state.ts';
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { startCallers } from './callers.ts';
import { checkSeed, isDrained } from './checker.ts';
import { type Blow, type Mode, type ModeName, modes } from './modes.ts';
import { Observer } from './observer.ts';
import { produce } from './producer.ts';
import { RollingStore } from './rolling-store.ts';
import type { Executions } from './sim-pods.ts';
import { keptTrace, noTrace } from './trace.ts';
import { type DeployPlan, partitions, topics, units } from './workload.ts';
import { World } from './world.ts';

export interface SeedResult {
  readonly seed: number;
  readonly mode: ModeName;
  /** `<invariant>: <what was seen>`; none: all invariants held. */
  readonly violations: readonly string[];
  readonly history: readonly string[];
  readonly setting: string;
}

const produceMs = 5_000;
const chaosMs = 8_000;
/** Virtual time within which all must be done after the last fault. */
const patienceMs = 200_000;

/** Runs one seed in a world of its own; the same seed and mode are the same run. */
export async function runSeed(seed: number, modeName: ModeName, traced: boolean): Promise<SeedResult> {
  const mode: Mode = modes[modeName];
  const clock = new VirtualClock();
  const random = seededRandom(`${modeName}/${seed}`);
  const trace = traced ? keptTrace(() => clock.now()) : noTrace;
  const observer = new Observer(trace);
  const executions: Executions = { started: new Map(), crashes: new Map(), loneCrashes: new Map(), failures: new Map(), healed: false };
  const emits = random.pick(mode.emits);
  const adapters = createMemoryAdapters({ clock, random: random.fork('adapters'), emits });
  const plan = planOf(random.fork('plan'), mode);
  const limits = limitsOf(random.fork('limits'), modeName);
  const setting = `emits ${emits}, ${plan.durability === 'strict' ? 'strict, ' : ''}order ${plan.order}, batch ${plan.batchSize}/${plan.windowMs} ms, concurrency ${plan.concurrency}, window ${limits.windowOffsetsMax}, group ${limits.commitEventsMax}`;
  const broken: string[] = [];
  const onUnhandled = (error: unknown) => {
    broken.push(`unhandled rejection: ${error instanceof Error ? error.stack : String(error)}`);
  };
  process.on('unhandledRejection', onUnhandled);
  try {
    await createTopics(adapters);
    const store = new RollingStore(adapters.state, mode.blows.rollback !== undefined);
    const world = new World({
      mode,
      plan,
      limits,
      clock,
      random: random.fork('world'),
      trace,
      adapters,
      state: store.asSeen,
      observer,
      executions,
    });
    const events = produce(adapters.streams, clock, random.fork('producer'), mode.workload, produceMs);
    await world.startAll();
    const callers = startCallers(world, clock, random.fork('callers'), mode, produceMs);
    strike(world, mode, clock, random.fork('blows'), store, observer, adapters);
    askForReplays(store.asSeen, clock, random.fork('replays'), executions);
    await clock.advance(chaosMs);
    executions.healed = true;
    world.calm();
    store.settle();
    // The last kill or freeze may end up to this much later.
    await clock.advance(6_000);
    // An idle owner notices a silent rollback only when it next speaks to the store; until then, what it published may wait in the outbox again.
    if (mode.blows.rollback !== undefined) world.killAll();
    const drained = await settle(clock, async () =>
      callers.open > 0 ? `${callers.open} calls wait` : isDrained(adapters, { events, plan }),
    );
    if (drained !== undefined) trace.add('VIOLATION', `drains: ${drained}`);
    await clock.advance(10_000);
    const violations = [...broken, ...observer.violations, ...(drained === undefined ? [] : [`drains: ${drained}`])];
    violations.push(...(await checkSeed(adapters, { events, calls: callers.events, plan, executions, observer, mode, modeName })));
    return { seed, mode: modeName, violations, history: trace.lines(), setting };
  } finally {
    process.off('unhandledRejection', onUnhandled);
  }
}

/** As somebody does who looks at what is parked now and then; once all is well, everything is to run again. */
function askForReplays(state: StateStore, clock: VirtualClock, random: SeededRandom, executions: Executions): void {
  clock.after(random.between(300, 1_500), () => {
    void (async () => {
      for (const unit of Object.values(units)) {
        for (const { source, key } of await state.parked(unit)) {
          if (executions.healed || random.chance(0.3)) await state.replayParked({ unit, name: source }, key);
        }
      }
    })();
    askForReplays(state, clock, random, executions);
  });
}

async function settle(clock: VirtualClock, drained: () => Promise<string | undefined>): Promise<string | undefined> {
  let open = await drained();
  let waitMs = 500;
  for (let waitedMs = 0; open !== undefined && waitedMs < patienceMs; waitedMs += waitMs) {
    waitMs = Math.min(10_000, waitMs * 1.5);
    await clock.advance(waitMs);
    open = await drained();
  }
  return open;
}

async function createTopics({ streams }: MemoryAdapters): Promise<void> {
  const own = Object.values(units).flatMap(unit => [inboxTopicOf(unit), deadLetterTopicOf(unit)]);
  for (const topic of [...Object.values(topics), ...own]) await streams.ensureTopic(topic, { partitions });
}

function planOf(random: SeededRandom, mode: Mode): DeployPlan {
  return {
    order: random.pick(mode.orders),
    batchSize: random.pick([1, 3, 20]),
    windowMs: random.pick([0, 0, 5]),
    concurrency: random.pick(mode.concurrency),
    timeoutMs: mode.timeoutMs,
    attempts: 3,
    maxCrashes: 3,
    onExhausted: mode.onExhausted,
    durability: mode.durability,
  };
}

function limitsOf(random: SeededRandom, modeName: ModeName): DispatchLimits {
  // What waits behind an event that never ends is held, and a full partition is not read on: that is no fault.
  const endless = modeName === 'never-ending';
  return {
    bytesPerPartitionMax: endless ? 1_000_000 : random.pick([2_000, 1_000_000]),
    windowOffsetsMax: endless ? 8_192 : random.pick([8, 32, 8_192]),
    commitEventsMax: random.pick([1, 5, 200]),
    commitBytesMax: random.pick([1_000, 262_144]),
    dedupeWindowMs: 7 * 86_400_000,
  };
}

const dispatchFaultPoints: readonly FaultPoint[] = faultPointNames.filter(name =>
  ['claim', 'dispatch', 'result', 'commit', 'attempt', 'publish', 'trim', 'offset-commit', 'call'].some(duty =>
    name.startsWith(`${duty}.`),
  ),
);

/** Spreads the blows of the mode over the time of chaos. */
function strike(
  world: World,
  mode: Mode,
  clock: VirtualClock,
  random: SeededRandom,
  store: RollingStore,
  observer: Observer,
  adapters: MemoryAdapters,
): void {
  const somewhere = () => random.whole(mode.processes);
  const blows: Readonly<Record<Blow, () => void>> = {
    kill: () => world.kill(somewhere()),
    'fault-point': () => world.arm(somewhere(), random.pick(dispatchFaultPoints), 1 + random.whole(7)),
    restart: () => void world.restart(somewhere()),
    freeze: () => world.freeze(somewhere(), random.between(50, 2_500)),
    zombie: () => world.freeze(somewhere(), random.between(3_500, 5_500)),
    rollback: () => {
      store.rollBack();
      observer.rolledBack();
    },
    redeploy: () => void world.redeploy(),
    undeploy: () => world.undeploy(random.between(10, 1_500)),
    grow: () => grow(adapters, random),
    'crash-pod': () => world.crashPod(somewhere()),
    'drain-pod': () => world.drainPod(somewhere()),
  };
  for (const blow of Object.keys(blows).filter(isBlow)) {
    const times = random.whole((mode.blows[blow] ?? 0) + 1);
    for (let i = 0; i < times; i += 1) clock.after(random.fraction() * chaosMs, blows[blow]);
  }
  if (mode.blows.rollback === undefined) return;
  for (let atMs = 0; atMs < chaosMs; atMs += random.between(20, 2_500)) clock.after(atMs, () => store.sync());
}

/** Groups hear of it within seconds, and records are there before them. */
function grow({ streams }: MemoryAdapters, random: SeededRandom): void {
  const growing = [...Object.values(topics), ...Object.values(units).map(inboxTopicOf)];
  streams.addPartitions(random.pick(growing), 1 + random.whole(2), random.between(0, 3_000));
}

function isBlow(name: string): name is Blow {
  return (
    name in
    {
      kill: 0,
      'fault-point': 0,
      restart: 0,
      freeze: 0,
      zombie: 0,
      rollback: 0,
      redeploy: 0,
      undeploy: 0,
      grow: 0,
      'crash-pod': 0,
      'drain-pod': 0,
    }
  );
}
