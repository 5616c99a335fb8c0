import type { Clock } from '../clock.ts';
import type { UnitReport } from '../dispatch/dispatcher.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { History } from '../ports/history.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { decideReplicas, type ScaleDecision, type ScalePolicy } from './decide-replicas.ts';

export interface ScaleLoopOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly history: History;
  readonly idleLimitMs: number;
  readonly live: () => readonly LiveFunction[];
  readonly report: () => readonly UnitReport[];
  /** Direct calls: work that no stream shows. `takenTotal` only grows. */
  readonly calls: (unit: string) => { readonly open: number; readonly takenTotal: number };
  readonly replicas: (unit: string) => number;
  readonly scale: (unit: string, replicas: number) => void;
}

const tickMs = 1_000;

/** Observes, decides, acts, records: once a second, and at once when the data plane asks for pods. */
export class ScaleLoop {
  readonly #options: ScaleLoopOptions;
  readonly #wanted = new Map<string, number>();
  readonly #busy = new Map<string, { readonly atMs: number; readonly callsTaken: number }>();

  constructor(options: ScaleLoopOptions) {
    this.#options = options;
  }

  /** The data plane asks; answered at once, because waiting for the next tick would be the whole of a warm start. */
  want(unit: string, pods: number): void {
    this.#wanted.set(unit, Math.max(pods, this.#wanted.get(unit) ?? 0));
    const live = this.#options.live().find(one => one.unit === unit);
    if (live === undefined) return;
    this.#decide(
      live,
      this.#options.report().find(one => one.unit === unit),
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.tick();
      await this.#options.clock.sleep(tickMs, signal);
    }
  }

  tick(): void {
    const reports = new Map(this.#options.report().map(report => [report.unit, report]));
    const live = this.#options.live();
    for (const one of live) this.#decide(one, reports.get(one.unit));
    const units = new Set(live.map(one => one.unit));
    for (const unit of this.#busy.keys()) if (!units.has(unit)) this.#busy.delete(unit);
  }

  #decide(live: LiveFunction, report: UnitReport | undefined): void {
    const { unit } = live;
    const nowMs = this.#options.clock.now();
    const { open, takenTotal } = this.#options.calls(unit);
    const waitingEvents = report === undefined ? undefined : report.waiting + open;
    const wantedPods = this.#wanted.get(unit) ?? 0;
    this.#wanted.delete(unit);
    const last = this.#busy.get(unit);
    const busy = waitingEvents !== 0 || wantedPods > 0 || last?.callsTaken !== takenTotal;
    if (busy) this.#busy.set(unit, { atMs: nowMs, callsTaken: takenTotal });
    const idleMs = busy || last === undefined ? undefined : nowMs - last.atMs;
    const decision = decideReplicas(
      { replicas: this.#options.replicas(unit), waitingEvents, wantedPods, idleMs },
      policyOf(live, this.#options.idleLimitMs),
    );
    if (decision.replicas !== decision.from) this.#act(unit, decision);
  }

  #act(unit: string, decision: ScaleDecision): void {
    const { replicas, from, reason, arithmetic } = decision;
    this.#options.scale(unit, replicas);
    this.#options.metrics.count('faas_scale_decisions_total', { unit, reason });
    this.#options.history.write({
      kind: 'decision',
      atMs: this.#options.clock.now(),
      unit,
      data: { what: 'scale', replicas, from, reason, arithmetic },
    });
    this.#options.log.info('scaled', { unit, from, replicas, reason });
  }
}

function policyOf({ spec }: LiveFunction, idleLimitMs: number): ScalePolicy {
  const { min, max } = spec.scale;
  return {
    min,
    max,
    concurrency: spec.limits.concurrency,
    warmMin: spec.warm.min,
    idleLimitMs: spec.warm.keepMs === 'auto' ? idleLimitMs : spec.warm.keepMs,
  };
}
