import type { MemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { noConditions } from '../../controller/conditions/conditions.ts';
import { createDispatcher } from '../../controller/dispatch/create-dispatcher.ts';
import type { Dispatcher, DispatchLimits } from '../../controller/dispatch/dispatcher.ts';
import type { FaultPoint } from '../../controller/fault-points.ts';
import type { LiveFunction } from '../../controller/functions/live-function.ts';
import { pinOffsets } from '../../controller/functions/pin-offsets.ts';
import { createDirectCalls, type DirectCallsRole } from '../../controller/gateway/create-direct-calls.ts';
import type { DirectAnswer, DirectCall } from '../../controller/gateway/direct-calls.ts';
import type { StateStore } from '../../controller/ports/state.ts';
import type { Log } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { BatchTokens } from '../../controller/wire/batch-tokens.ts';
import { PodExits } from '../../controller/wire/pod-exits.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';
import { type FaultyPorts, faultyPorts } from './faulty-ports.ts';
import type { Mode } from './modes.ts';
import type { Observer } from './observer.ts';
import { calmLink, ProcessLink } from './process-link.ts';
import { type Executions, SimPods } from './sim-pods.ts';
import type { Trace } from './trace.ts';
import { type DeployPlan, deployment } from './workload.ts';

/** After this long without a sign of life a group gives the partitions of a member to others. */
const sessionMs = 3_000;

export interface WorldOptions {
  readonly mode: Mode;
  readonly plan: DeployPlan;
  readonly limits: DispatchLimits;
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly adapters: MemoryAdapters;
  /** The state store as the processes reach it. */
  readonly state: StateStore;
  readonly observer: Observer;
  readonly executions: Executions;
}

interface Process {
  readonly link: ProcessLink;
  readonly ports: FaultyPorts;
  readonly pods: SimPods;
  readonly dispatcher: Dispatcher;
  readonly calls: DirectCallsRole;
  armed: { readonly at: FaultPoint; left: number } | undefined;
}

/** The processes of one seed, and what can be done to them. */
export class World {
  readonly #options: WorldOptions;
  /** One per place; undefined while nothing runs there. */
  readonly #processes: (Process | undefined)[];
  readonly #starts: number[];
  #revision = 1;
  #live: readonly LiveFunction[];
  #calm = false;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#processes = Array.from({ length: options.mode.processes }, () => undefined);
    this.#starts = this.#processes.map(() => 0);
    this.#live = deployment(options.plan, this.#revision);
  }

  /** The first deploy: pins where each group begins, then lets everybody start. */
  async startAll(): Promise<void> {
    await this.#pinOffsets();
    for (const place of this.#processes.keys()) this.start(place);
  }

  /** As kill -9 of everybody, one after the other. */
  killAll(): void {
    for (const place of this.#processes.keys()) this.kill(place);
  }

  start(place: number): void {
    if (this.#processes[place] !== undefined) return;
    const { clock, trace, adapters, state, observer, executions, mode, limits } = this.#options;
    this.#starts[place] = (this.#starts[place] ?? 0) + 1;
    const name = `d${place + 1}.${this.#starts[place]}`;
    const random = this.#options.random.fork(name);
    const skewMs = random.between(-mode.skewMs, mode.skewMs);
    const link = new ProcessLink(name, clock, random.fork('link'), trace, this.#calm ? calmLink : mode.link, skewMs);
    const ports = faultyPorts(link, { streams: adapters.streams, state }, observer, random.fork('ports'));
    const tokens = new BatchTokens();
    const faults = this.#calm ? { ...mode.pods, busy: 0, cut: 0 } : mode.pods;
    const pods = new SimPods({ link, clock, random: random.fork('pods'), trace, state: ports.state, tokens, executions, faults });
    trace.add(name, `starts, clock ${skewMs.toFixed(0)} ms off`);
    const roles = {
      streams: ports.streams,
      state: ports.state,
      history: adapters.history,
      pods,
      client: pods,
      exits: new PodExits({ pods, client: pods, clock: link.clock }),
      tokens,
      clock: link.clock,
      faults: (at: FaultPoint) => this.#passed(place, name, at),
      log: traceLog(trace, name),
      metrics: noMetrics,
    };
    const dispatcher = createDispatcher({ ...roles, conditions: noConditions, random: random.fork('dispatcher'), limits });
    const soon = (callback: () => void) => void link.clock.after(0, callback);
    const { dedupeWindowMs } = limits;
    const calls = createDirectCalls({ ...roles, random: random.fork('gateway'), dedupeWindowMs, slot: `place-${place}`, soon });
    this.#processes[place] = { link, ports, pods, dispatcher, calls, armed: undefined };
    for (const role of [pods, dispatcher, calls]) role.update(this.#live);
  }

  /** As by kill -9, and started again after a while. */
  kill(place: number): void {
    const process = this.#processes[place];
    if (process === undefined) return;
    const { clock, trace, random, observer } = this.#options;
    trace.add(process.link.name, 'killed');
    observer.disturbed();
    process.link.kill();
    process.pods.orphan();
    clock.after(sessionMs, () => process.ports.expel());
    this.#processes[place] = undefined;
    clock.after(random.between(10, 4_000), () => this.start(place));
  }

  /** The process ends at the `hit`-th time that it passes `at`. */
  arm(place: number, at: FaultPoint, hit: number): void {
    const process = this.#processes[place];
    if (process !== undefined) process.armed = { at, left: hit };
  }

  /** Stops in good order and starts again. */
  async restart(place: number): Promise<void> {
    const process = this.#processes[place];
    if (process === undefined || process.link.state !== 'up') return;
    this.#options.trace.add(process.link.name, 'stops');
    this.#options.observer.disturbed();
    this.#processes[place] = undefined;
    const graceMs = this.#options.random.between(0, 2_000);
    await process.calls.stop(graceMs);
    await process.dispatcher.stop(graceMs);
    this.#options.trace.add(process.link.name, 'stopped');
    process.link.kill();
    process.pods.orphan();
    this.start(place);
  }

  freeze(place: number, forMs: number): void {
    const process = this.#processes[place];
    if (process === undefined || process.link.state !== 'up') return;
    const { clock, trace, random, observer } = this.#options;
    trace.add(process.link.name, `frozen for ${forMs.toFixed(0)} ms`);
    observer.disturbed();
    process.link.freeze();
    if (forMs > sessionMs) clock.after(sessionMs, () => process.ports.expel());
    clock.after(forMs, () => {
      trace.add(process.link.name, 'goes on');
      process.link.thaw();
      if (forMs > sessionMs) clock.after(random.between(0, 1_000), () => process.link.deliver(() => process.ports.comeBack()));
    });
  }

  async redeploy(): Promise<void> {
    this.#revision += 1;
    this.#options.trace.add('deploy', `revision ${this.#revision}`);
    await this.#pinOffsets();
    this.#deploy(deployment(this.#options.plan, this.#revision));
  }

  undeploy(forMs: number): void {
    this.#options.trace.add('deploy', 'nothing is live');
    this.#options.observer.disturbed();
    this.#deploy([]);
    this.#options.clock.after(forMs, () => void this.redeploy());
  }

  /** A direct call from outside. Without a process there, and when its answer is lost, there is none. */
  call(place: number, request: DirectCall): Promise<DirectAnswer> {
    const { clock, random } = this.#options;
    return new Promise(resolve => {
      const process = this.#processes[place];
      clock.after(random.fraction() * 2, () => {
        process?.link.deliver(() => {
          const reply = (answer: DirectAnswer) => {
            if (process.link.state === 'up' && !random.chance(process.link.faults.replyLost))
              clock.after(random.fraction() * 2, () => resolve(answer));
          };
          // A store that does not answer is an error of the server; whoever called tries again.
          process.calls.call(request).then(reply, () => reply({ kind: 'unavailable', retryAfterMs: 0 }));
        });
      });
    });
  }

  crashPod(place: number): void {
    this.#processes[place]?.pods.crashOne();
  }

  drainPod(place: number): void {
    this.#processes[place]?.pods.drainOne();
  }

  /** From now on nothing goes wrong any more. */
  calm(): void {
    this.#calm = true;
    for (const process of this.#processes) {
      if (process === undefined) continue;
      process.link.faults = calmLink;
      process.pods.faults = { ...process.pods.faults, busy: 0, cut: 0 };
      process.armed = undefined;
    }
  }

  async #pinOffsets(): Promise<void> {
    for (const live of deployment(this.#options.plan, this.#revision)) await pinOffsets(this.#options.adapters.streams, live);
  }

  #deploy(live: readonly LiveFunction[]): void {
    this.#live = live;
    for (const process of this.#processes) {
      process?.link.deliver(() => {
        for (const role of [process.pods, process.dispatcher, process.calls]) role.update(live);
      });
    }
  }

  #passed(place: number, name: string, at: FaultPoint): void {
    const process = this.#processes[place];
    if (process?.link.name !== name || process.armed?.at !== at) return;
    process.armed.left -= 1;
    if (process.armed.left > 0) return;
    this.#options.trace.add(name, `fault point ${at}`);
    // What its code still does in this turn reaches nobody.
    this.kill(place);
  }
}

function traceLog(trace: Trace, name: string): Log {
  const line = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    if (trace.on) trace.add(name, `${level} ${message} ${fields === undefined ? '' : JSON.stringify(fields)}`);
  };
  const log: Log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error'), with: () => log };
  return log;
}
