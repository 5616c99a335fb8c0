import { groupOf } from '../../controller/functions/live-function.ts';
import type { Claimed, CommitResult, Source } from '../../controller/ports/state.ts';
import type { TopicPartition } from '../../controller/ports/streams.ts';
import type { PortObserver } from './faulty-ports.ts';
import type { Trace } from './trace.ts';

/** What must hold at every moment, watched where the stores answer; not what the dispatcher believes. */
export class Observer implements PortObserver {
  readonly violations: string[] = [];
  readonly #trace: Trace;
  /** `<group> <topic>.<partition>` → frontier, and the highest ever. */
  readonly #frontiers = new Map<string, { now: number; highest: number }>();
  readonly #generations = new Map<string, number>();
  #rollbacks = 0;
  #disturbances = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** Kills, freezes and restarts so far: each may forget one crash that was not written yet. */
  get disturbances(): number {
    return this.#disturbances + this.#rollbacks;
  }

  get rollbacks(): number {
    return this.#rollbacks;
  }

  disturbed(): void {
    this.#disturbances += 1;
  }

  rolledBack(): void {
    this.#rollbacks += 1;
    this.#trace.add('store', 'rolls back');
    for (const frontier of this.#frontiers.values()) frontier.now = 0;
    // A generation under which nothing was published may come again; what was published is for the readers to judge.
    this.#generations.clear();
  }

  claimed(process: string, source: Source, claimed: Claimed): void {
    this.#trace.add(
      process,
      `claims ${nameOf(source)}: generation ${claimed.generation}, frontier ${claimed.frontier}, outbox ${claimed.outbox.length}`,
    );
    const last = this.#generations.get(nameOf(source)) ?? 0;
    if (claimed.generation <= last) this.#violated('generation', `${nameOf(source)} got generation ${claimed.generation} after ${last}`);
    this.#generations.set(nameOf(source), claimed.generation);
    this.#moved(source, claimed.frontier);
  }

  committed(process: string, source: Source, result: CommitResult, what: string): void {
    if (this.#trace.on) this.#trace.add(process, `commits ${nameOf(source)} ${what}: ${JSON.stringify(result)}`);
    if (result.kind === 'ok' || result.kind === 'already') this.#moved(source, result.frontier);
  }

  offsetCommitted(process: string, group: string, at: TopicPartition, offset: number): void {
    this.#trace.add(process, `broker offset of ${at.topic}.${at.partition} := ${offset}`);
    const frontier = this.#frontiers.get(`${group} ${at.topic}.${at.partition}`)?.highest ?? 0;
    if (offset > frontier)
      this.#violated('broker offset', `${group} ${at.topic}.${at.partition}: ${offset} is above the frontier ${frontier}`);
  }

  #moved(source: Source, frontier: number): void {
    const name = nameOf(source);
    const last = this.#frontiers.get(name) ?? { now: 0, highest: 0 };
    if (frontier < last.now) this.#violated('frontier', `${name} went back from ${last.now} to ${frontier}`);
    this.#frontiers.set(name, { now: frontier, highest: Math.max(frontier, last.highest) });
  }

  #violated(invariant: string, what: string): void {
    this.violations.push(`${invariant}: ${what}`);
    this.#trace.add('VIOLATION', `${invariant}: ${what}`);
  }
}

function nameOf(source: Source): string {
  return `${groupOf(source.unit)} ${source.name}`;
}
