import { createMemoryAdapters, type MemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { type Conditions, noConditions } from '../../controller/conditions/conditions.ts';
import { createDispatcher } from '../../controller/dispatch/create-dispatcher.ts';
import type { Dispatcher, DispatchLimits } from '../../controller/dispatch/dispatcher.ts';
import { noFaults } from '../../controller/fault-points.ts';
import {
  deadLetterTopicOf,
  groupOf,
  inboxTopicOf,
  type LiveFunction,
  type Subscription,
  unitOf,
} from '../../controller/functions/live-function.ts';
import type { FunctionSpec } from '../../controller/manifest/spec.ts';
import { partitionOf } from '../../controller/ports/partition-of.ts';
import type { RecordHeader, StreamRecord } from '../../controller/ports/streams.ts';
import { type Log, silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { BatchTokens } from '../../controller/wire/batch-tokens.ts';
import { PodExits } from '../../controller/wire/pod-exits.ts';
import { functionSpec } from './function-spec.ts';
import { type MemoryFunction, type MemoryPodFaults, MemoryPodFleet } from './memory-pod-client.ts';
import { seededRandom } from './seeded-random.ts';
import { VirtualClock } from './virtual-clock.ts';

export const defaultLimits: DispatchLimits = {
  bytesPerPartitionMax: 8 * 2 ** 20,
  windowOffsetsMax: 8_192,
  commitEventsMax: 200,
  commitBytesMax: 256 * 2 ** 10,
  dedupeWindowMs: 7 * 86_400_000,
};

/** A function as it is when its manifest says nothing but what is given here. */
export function liveFunction(
  name: string,
  given: Partial<Omit<FunctionSpec, 'name'>> & {
    subscriptions?: Partial<Subscription>[];
    revision?: string;
    emitTopics?: Record<string, string>;
  } = {},
): LiveFunction {
  const unit = unitOf('shop', name);
  const { subscriptions = [{}], revision = 'r1-00000000', emitTopics = {}, ...spec } = given;
  return {
    unit,
    context: 'shop',
    name,
    revision,
    bundleHash: '',
    spec: functionSpec(name, {
      retry: { attempts: 3, backoffMs: { min: 200, max: 30_000 }, maxCrashes: 3, onExhausted: 'dlq' },
      emits: Object.keys(emitTopics).map(stream => ({ name: stream, context: 'shop', stream })),
      ...spec,
    }),
    subscriptions: subscriptions.map(subscription => ({
      topic: 'orders',
      stream: 'orders',
      order: 'key',
      batch: { size: 100, windowMs: 0 },
      filter: undefined,
      from: 'earliest',
      inbox: false,
      ...subscription,
    })),
    inboxTopic: inboxTopicOf(unit),
    deadLetterTopic: deadLetterTopicOf(unit),
    group: groupOf(unit),
    emitTopics: new Map(Object.entries(emitTopics)),
  };
}

/** A dispatcher on memory adapters, with pods that run handlers of the test in virtual time. */
export class DispatchWorld {
  readonly clock: VirtualClock;
  readonly adapters: MemoryAdapters;
  readonly pods: MemoryPodFleet;
  readonly tokens = new BatchTokens();
  readonly dispatcher: Dispatcher;
  readonly #functions = new Map<string, LiveFunction>();

  /** `beside`: another dispatcher on the stores of that world, in its time. */
  constructor(
    options: {
      emits?: 'inline' | 'outbox';
      limits?: Partial<DispatchLimits>;
      faults?: MemoryPodFaults;
      log?: Log;
      conditions?: Conditions;
      seed?: number;
      beside?: DispatchWorld;
    } = {},
  ) {
    const random = seededRandom(options.seed ?? 1);
    this.clock = options.beside?.clock ?? new VirtualClock();
    this.adapters = options.beside?.adapters ?? createMemoryAdapters({ clock: this.clock, random, emits: options.emits ?? 'inline' });
    this.pods = new MemoryPodFleet({
      clock: this.clock,
      state: this.adapters.state,
      ...(options.faults === undefined ? {} : { faults: options.faults }),
    });
    this.dispatcher = createDispatcher({
      ...this.adapters,
      conditions: options.conditions ?? noConditions,
      pods: this.pods,
      client: this.pods.client,
      exits: new PodExits({ pods: this.pods, client: this.pods.client, clock: this.clock }),
      tokens: this.tokens,
      clock: this.clock,
      random,
      faults: noFaults,
      log: options.log ?? silentLog,
      metrics: noMetrics,
      limits: { ...defaultLimits, ...options.limits },
    });
  }

  /** Creates the topics of the function and makes it live; with `run`, pods start when they are asked for. */
  async deploy(live: LiveFunction, run?: MemoryFunction, partitions = 1): Promise<void> {
    for (const { topic } of live.subscriptions) await this.adapters.streams.ensureTopic(topic, { partitions });
    for (const topic of [...live.emitTopics.values(), live.inboxTopic, live.deadLetterTopic]) {
      await this.adapters.streams.ensureTopic(topic, { partitions: 1 });
    }
    this.#functions.set(live.unit, live);
    this.dispatcher.update([...this.#functions.values()]);
    const others = this.pods.onWant;
    this.pods.onWant = (unit, pods, reason) => {
      if (unit !== live.unit || run === undefined) return others?.(unit, pods, reason);
      const current = this.#functions.get(unit) ?? live;
      while (this.pods.podIds(unit).length < Math.min(pods, 2)) this.pods.start(unit, current.revision, run);
    };
  }

  async append(topic: string, events: readonly { key: string | null; value: string; headers?: readonly RecordHeader[] }[]): Promise<void> {
    const partitions = (await this.adapters.streams.describeTopic(topic))?.partitions ?? 1;
    const records = events.map(({ key, value, headers = [] }, index) => {
      const bytes = key === null ? null : Buffer.from(key);
      return { partition: partitionOf(bytes, String(index), partitions), key: bytes, value: Buffer.from(value), headers };
    });
    await this.adapters.streams.append(topic, records);
  }

  async records(topic: string): Promise<StreamRecord[]> {
    const partitions = (await this.adapters.streams.describeTopic(topic))?.partitions ?? 0;
    const all: StreamRecord[] = [];
    for (let partition = 0; partition < partitions; partition += 1) {
      all.push(...(await this.adapters.streams.read(topic, partition, 0, { records: 1e6, bytes: 1e9 })).records);
    }
    return all;
  }

  async values(topic: string): Promise<string[]> {
    return (await this.records(topic)).map(({ value }) => Buffer.from(value ?? []).toString());
  }

  async state(unit: string): Promise<Record<string, string>> {
    const entries = await this.adapters.state.list(unit, { limit: 1e6 });
    return Object.fromEntries(entries.map(({ key, value }) => [key, Buffer.from(value).toString()]));
  }

  /** Lets time go on until all functions have handled all that there is, at most for `forMs`. */
  async settle(forMs = 60_000): Promise<void> {
    const endMs = this.clock.now() + forMs;
    await this.clock.advance(1);
    while (this.clock.now() < endMs && this.dispatcher.report().some(unit => unit.waiting > 0)) await this.clock.advance(100);
  }

  /** Stops in good order, letting time go on as long as that takes. */
  async stop(graceMs = 5_000): Promise<void> {
    let isOver = false;
    const stopped = this.dispatcher.stop(graceMs).then(() => {
      isOver = true;
    });
    while (!isOver) await this.clock.advance(10);
    await stopped;
  }
}
