import { expect } from 'vitest';
import { createMemoryAdapters, type MemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { MemoryObjects } from '../../controller/adapters/memory/memory-objects.ts';
import { noConditions } from '../../controller/conditions/conditions.ts';
import { DuplicateFilter } from '../../controller/dispatch/duplicate-filter.ts';
import type { LiveFunction } from '../../controller/functions/live-function.ts';
import type { ResourceTrigger } from '../../controller/manifest/spec.ts';
import type { CommitRequest } from '../../controller/ports/state.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { runWatches } from '../../controller/watch/watch-loop.ts';
import { headerNames } from '../../runtime/protocol/headers.ts';
import { liveFunction } from '../gateway/live-functions.ts';
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

export const unit = 'shop.prices';
const partitions = 2;

export const trigger = (more: Partial<ResourceTrigger> = {}): ResourceTrigger => ({
  ...{ kind: 'resource', name: 'resource-1', apiVersion: 'v1', resourceKind: 'ConfigMap', namespace: undefined, selector: undefined },
  ...{ fields: [], events: ['added', 'modified', 'deleted'], ...more },
});

export interface Told {
  readonly id: string;
  readonly key: string;
  readonly event: string;
  readonly uid: string;
  readonly v: unknown;
  readonly old: unknown;
}

export interface Faults {
  readonly random: SeededRandom;
  /** Of a call to a store or the broker: that it fails before it did anything, after it, or takes long. */
  readonly chance: number;
}

export interface Watcher {
  /** From now on nothing of it reaches its stores, as of a process that is gone. */
  kill(): void;
  stop(): Promise<void>;
  readonly isDead: boolean;
}

function writtenBytes([, request]: readonly unknown[]): number {
  const { writes } = request as CommitRequest;
  return writes.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
}

/** A cluster, an inbox and a store that outlive the watchers. */
export class World {
  readonly clock = new VirtualClock();
  readonly random = seededRandom(3);
  /** What a trigger watches that names another kind is `secrets`. */
  readonly objects = new MemoryObjects(this.clock);
  readonly secrets = new MemoryObjects(this.clock);
  /** Calls to the store by all watchers: its methods, and bytes of the values that each commit writes. */
  readonly calls: string[] = [];
  readonly commitBytes: number[] = [];
  readonly adapters: MemoryAdapters;
  live: readonly LiveFunction[];

  constructor(emits: 'inline' | 'outbox', triggers: readonly ResourceTrigger[] = [trigger()]) {
    this.adapters = createMemoryAdapters({ clock: this.clock, random: this.random, emits });
    this.live = [liveFunction(unit, triggers)];
  }

  async open(): Promise<this> {
    await this.adapters.streams.ensureTopic(`faas.${unit}.inbox`, { partitions });
    return this;
  }

  /** A watcher with its own ways to its stores. `step`: called before and after each use of them and at each fault point; true kills the watcher there. */
  start(faults?: Faults, step: (name: string) => boolean = () => false): Watcher {
    let isDead = false;
    const stop = new AbortController();
    const { clock, adapters } = this;
    const kill = () => {
      isDead = true;
      stop.abort();
    };
    const pass = (name: string) => {
      if (!isDead && step(name)) kill();
      if (isDead) throw new Error('the process is gone');
    };
    const way = async <Answer>(name: string, call: () => Promise<Answer>): Promise<Answer> => {
      pass(`${name} before`);
      const { random, chance } = faults ?? { random: this.random, chance: 0 };
      if (random.chance(chance)) await clock.sleep(random.between(0, 4_000));
      if (isDead || random.chance(chance)) throw new Error('the request was lost');
      const answer = await call();
      if (isDead || random.chance(chance)) throw new Error('the answer was lost');
      pass(`${name} after`);
      return answer;
    };
    const { state, streams } = adapters;
    const over = runWatches(
      {
        objects: {
          follow: (selection, ...more) => (selection.kind === 'Secret' ? this.secrets : this.objects).follow(selection, ...more),
        },
        live: () => this.live,
        state: new Proxy(state, {
          get: (target, name) => {
            const held: unknown = Reflect.get(target, name, target);
            if (typeof held !== 'function') return held;
            return (...args: unknown[]) => {
              this.calls.push(String(name));
              if (name === 'commit') this.commitBytes.push(writtenBytes(args));
              return way(String(name), () => Reflect.apply(held, target, args));
            };
          },
        }),
        streams: {
          append: (topic, records) => way('append', () => streams.append(topic, records)),
          describeTopic: topic => way('describeTopic', () => streams.describeTopic(topic)),
        },
        conditions: noConditions,
        clock,
        random: this.random,
        faults: pass,
        log: silentLog,
        metrics: noMetrics,
      },
      stop.signal,
    );
    return {
      kill,
      get isDead() {
        return isDead;
      },
      async stop() {
        stop.abort();
        await clock.run(() => false, clock.now() + 20_000);
        await over;
      },
    };
  }

  put(name: string, v: unknown, more: Record<string, unknown> = {}): void {
    this.objects.put({ metadata: { name, namespace: 'n' }, data: { v }, ...more });
  }

  /** What the function gets, partition by partition: repeated publishes are dropped, as its dispatcher does. */
  async told(): Promise<readonly Told[]> {
    const told: Told[] = [];
    for (let partition = 0; partition < partitions; partition += 1) {
      const { records } = await this.adapters.streams.read(`faas.${unit}.inbox`, partition, 0, { records: 100_000, bytes: 1e9 });
      const filter = new DuplicateFilter(new Map());
      for (const { headers, value, key, offset } of records) {
        const header = (name: string) => Buffer.from(headers.find(([one]) => one === name)?.[1] ?? []).toString();
        const [generation, counter] = header(headerNames.seq).split('.').map(Number);
        const isOutbox = header(headerNames.seq) !== '';
        if (isOutbox && filter.isDuplicate(offset, header(headerNames.stream), { generation: generation ?? 0, counter: counter ?? 0 }))
          continue;
        const { event, object, old } = JSON.parse(Buffer.from(value ?? []).toString());
        const facts = { id: header(headerNames.id), key: Buffer.from(key ?? []).toString() };
        told.push({ ...facts, event, uid: object.metadata.uid, v: object.data?.v, old: old?.data?.v });
      }
    }
    return told;
  }

  async words(): Promise<readonly string[]> {
    return (await this.told()).map(({ key, event, v, old }) => `${event} ${key} ${v} was ${old}`).sort();
  }
}

/**
 * What was told of each object is a history of it: each state once, none that is older after a newer one, each with the state that was told before, and at the end
 * the state that is there. `last`: of a name; undefined: it is gone.
 */
export function expectWhole(told: readonly Told[], names: readonly string[], last: (name: string) => number | undefined): void {
  expect(new Set(told.map(({ id }) => id)).size).toBe(told.length);
  for (const name of names) {
    const ofName = told.filter(({ key }) => key === `n/${name}`);
    const states = ofName.filter(({ event }) => event !== 'deleted').map(({ v }) => Number(v));
    expect(states).toEqual([...new Set(states)].sort((a, b) => a - b));
    const end = ofName.at(-1);
    if (last(name) !== undefined) expect([end?.event === 'deleted', end?.v]).toEqual([false, last(name)]);
    else expect(end === undefined || end.event === 'deleted').toBe(true);
    for (const [i, one] of ofName.entries()) {
      if (one.event === 'added') expect(i === 0 || ofName[i - 1]?.event === 'deleted').toBe(true);
      else expect([ofName[i - 1]?.uid, ofName[i - 1]?.v]).toEqual([one.uid, one.old]);
    }
  }
}
