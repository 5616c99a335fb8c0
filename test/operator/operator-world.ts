import { createMemoryAdapters, type MemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { MemoryResources } from '../../controller/adapters/memory/memory-resources.ts';
import { noFaults } from '../../controller/fault-points.ts';
import { createDeployments } from '../../controller/functions/create-deployments.ts';
import type { Deployments } from '../../controller/functions/deployments.ts';
import { runOperator } from '../../controller/operator/operator-loop.ts';
import type { OperatorOptions } from '../../controller/operator/operator-options.ts';
import type { FunctionFigures } from '../../controller/operator/resource-status.ts';
import type { ResourceKind } from '../../controller/ports/resources.ts';
import { createOverrides } from '../../controller/scale/overrides.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import type { LoadResult } from '../../runtime/protocol/messages.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

export const inline = 'export default () => 1;';
/** What a cluster without room takes to say so. */
const startMs = 30_000;

/** Resources of a cluster, and a server that makes them live. */
export class OperatorWorld {
  readonly clock = new VirtualClock(Date.parse('2026-03-01T10:00:00Z'));
  readonly random = seededRandom(5);
  readonly adapters: MemoryAdapters = createMemoryAdapters({ clock: this.clock, random: this.random });
  readonly resources = new MemoryResources(this.clock);
  /** Units that no node can hold. */
  readonly unplaceable = new Set<string>();
  /** Units of all trials, and when each began. */
  readonly trials: { readonly unit: string; readonly atMs: number }[] = [];
  /** Of each live function. */
  backlogEvents = 0;
  /** What it takes to tell everyone what is live now. */
  refreshMs = 0;
  readonly deployments: Deployments;
  readonly options: OperatorOptions;
  readonly #stop = new AbortController();
  #over: Promise<void> = Promise.resolve();

  constructor() {
    const { clock, random, adapters, resources } = this;
    this.deployments = createDeployments({
      ...adapters,
      ...{ clock, faults: noFaults, log: silentLog, watchesResources: true },
      ...{
        abandon: () => {},
        exclusively: work => work(),
        refresh: async () => (this.refreshMs > 0 ? clock.sleep(this.refreshMs) : undefined),
        topicDefaults: { partitions: 1, retention: {} },
      },
      trial: ({ unit }) => this.#trial(unit),
    });
    this.options = {
      ...{ objects: resources, resources, clock, log: silentLog },
      registry: adapters.registry,
      deployments: this.deployments,
      overrides: createOverrides(adapters.state, clock, random),
      figures: () => this.#figures(),
    };
  }

  start(): void {
    this.#over = runOperator(this.options, 1, this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.clock.advance(startMs * 10);
    await this.#over;
  }

  async apply(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (name.includes('.')) await this.resources.apply({ kind: 'Function', name, spec: { code: { inline } } });
      else await this.resources.apply({ kind: 'Context', name, spec: { streams: {} } });
    }
  }

  condition(name: string, type: string, kind: ResourceKind = 'Function'): string | undefined {
    const { conditions = [] } = Object(this.resources.get(kind, name)?.status);
    const found = conditions.find((one: { readonly type: string }) => one.type === type);
    return found === undefined ? undefined : `${found.status} ${found.reason}`;
  }

  async live(): Promise<readonly string[]> {
    return (await this.adapters.registry.functions()).map(({ unit }) => unit).sort();
  }

  async #trial(unit: string): Promise<LoadResult> {
    this.trials.push({ unit, atMs: this.clock.now() });
    if (!this.unplaceable.has(unit)) return { kind: 'ready', handler: 'event', phases: { loadMs: 1, initMs: 0 } };
    await this.clock.sleep(startMs);
    throw new Error('a pod did not start');
  }

  async #figures(): Promise<readonly FunctionFigures[]> {
    const functions = await this.adapters.registry.functions();
    return functions.map(({ unit, live }) => ({
      ...{ unit, revision: live.id, triggers: [], pods: { ready: 1 }, backlogEvents: this.backlogEvents, conditions: [] },
    }));
  }
}
