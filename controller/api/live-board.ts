import type { UnitReport } from '../dispatch/dispatcher.ts';
import { deadLetterTopicOf } from '../functions/live-function.ts';
import type { FunctionRecord } from '../ports/registry.ts';
import type { ApiPorts } from './api-ports.ts';
import { oldestAgeMs } from './backlog.ts';
import { boundsOf } from './function-backlog.ts';
import type { LiveFunction, LiveHistory, LivePartition, LiveSnapshot, SeriesAnswer } from './live-schema.ts';
import { RateMeter, type Rates } from './rate-meter.ts';
import { SeriesRing, seriesStepMs } from './series-ring.ts';
import { triggerSentence } from './trigger-sentence.ts';

const tickMs = 1_000;
/** Counting them asks the log once per function. */
const deadLettersEveryMs = 5_000;
const sparkPoints = 60;

type Ports = Pick<ApiPorts, 'registry' | 'dispatcher' | 'pods' | 'podPhases' | 'streams' | 'clock' | 'version'>;

interface Watched {
  readonly meter: RateMeter;
  readonly ring: SeriesRing;
  rates: Rates | undefined;
}

/** What every function does, second by second: measured for as long as the server runs, put together only while somebody looks. */
export class LiveBoard {
  readonly #ports: Ports;
  readonly #watched = new Map<string, Watched>();
  readonly #deadLetters = new Map<string, number>();
  readonly #viewers = new Set<(snapshot: LiveSnapshot) => void>();
  #functions: readonly FunctionRecord[] | undefined;
  #reports: ReadonlyMap<string, UnitReport> = new Map();
  #deadLettersAtMs = 0;
  #pointAtMs = 0;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** Until the signal aborts. A turn that fails (the store is away) leaves the figures as they were. */
  async run(signal: AbortSignal): Promise<void> {
    const stopWatching = this.#ports.registry.watch(() => {
      this.#functions = undefined;
    });
    while (!signal.aborted) {
      await this.tick().catch(() => undefined);
      await this.#ports.clock.sleep(tickMs, signal);
    }
    stopWatching();
  }

  async tick(): Promise<void> {
    const nowMs = this.#ports.clock.now();
    this.#functions ??= await this.#ports.registry.functions();
    this.#reports = new Map(this.#ports.dispatcher.report().map(report => [report.unit, report]));
    const isPoint = nowMs - this.#pointAtMs >= seriesStepMs;
    if (isPoint) this.#pointAtMs = nowMs;
    const pods = this.#podCounts();
    for (const record of this.#functions) this.#measure(record, pods.get(record.unit) ?? noPods, nowMs, isPoint);
    this.#forget(this.#functions);
    if (this.#viewers.size === 0) return;
    const snapshot = await this.snapshot();
    for (const show of this.#viewers) show(snapshot);
  }

  /** Calls back with each new snapshot. */
  watch(show: (snapshot: LiveSnapshot) => void): () => void {
    this.#viewers.add(show);
    return () => void this.#viewers.delete(show);
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  async snapshot(): Promise<LiveSnapshot> {
    const nowMs = this.#ports.clock.now();
    const functions = (this.#functions ??= await this.#ports.registry.functions());
    if (nowMs - this.#deadLettersAtMs >= deadLettersEveryMs) await this.#countDeadLetters(functions, nowMs);
    const pods = this.#podCounts();
    const live = await Promise.all(functions.map(record => this.#show(record, pods.get(record.unit) ?? noPods, nowMs)));
    return { atMs: nowMs, functions: live, topics: this.#topicRates() };
  }

  partitions(unit: string): readonly LivePartition[] {
    const nowMs = this.#ports.clock.now();
    return (this.#reports.get(unit)?.partitions ?? []).map(one => ({
      topic: one.topic,
      partition: one.partition,
      owner: 'this server',
      inFlight: one.inFlight,
      ...(one.endOffset !== undefined && { backlogEvents: Math.max(0, one.endOffset - one.frontier) }),
      ...(one.oldestAppendedAtMs !== undefined && { oldestAgeMs: Math.max(0, nowMs - one.oldestAppendedAtMs) }),
    }));
  }

  series(unit: string): SeriesAnswer {
    return (this.#watched.get(unit)?.ring ?? new SeriesRing()).read();
  }

  history(): LiveHistory {
    return {
      stepMs: seriesStepMs,
      finishedRate: Object.fromEntries([...this.#watched].map(([unit, { ring }]) => [unit, ring.tail('finishedRate', sparkPoints)])),
    };
  }

  #measure(record: FunctionRecord, pods: PodCounts, nowMs: number, isPoint: boolean): void {
    const { unit, live } = record;
    const watched = this.#watched.get(unit) ?? { meter: new RateMeter(), ring: new SeriesRing(), rates: undefined };
    this.#watched.set(unit, watched);
    const report = this.#reports.get(unit);
    watched.rates = report && watched.meter.take(report, live.spec.limits.concurrency, nowMs);
    if (!isPoint) return;
    const { arrivalRate, finishedRate } = watched.rates ?? {};
    const [backlogEvents, ageMs] = [backlogOf(report), report && (oldestAgeMs(report, nowMs) ?? 0)];
    watched.ring.add(
      { arrivalRate, finishedRate, capacityRate: capacityOf(watched.rates, pods), oldestAgeMs: ageMs, backlogEvents, ...pods },
      nowMs,
    );
  }

  async #show(record: FunctionRecord, pods: PodCounts, nowMs: number): Promise<LiveFunction> {
    const { unit, context, name, live } = record;
    const report = this.#reports.get(unit);
    const rates = this.#watched.get(unit)?.rates;
    const conditions = await this.#ports.registry.conditions(unit);
    return {
      unit,
      context,
      name,
      revision: live.id,
      triggers: live.spec.on.map(triggerSentence),
      pods,
      minPods: live.spec.scale.min,
      maxPods: live.spec.scale.max,
      maxAgeMs: live.spec.scale.maxAgeMs,
      ...whatIsKnown({
        oldestAgeMs: oldestAgeMs(report, nowMs),
        backlogEvents: backlogOf(report),
        inFlight: report?.inFlight,
        arrivalRate: rates?.arrivalRate,
        finishedRate: rates?.finishedRate,
        failureRate: rates?.failureRate,
        emitRate: rates?.emitRate,
        capacityRate: capacityOf(rates, pods),
        deadLetters: this.#deadLetters.get(unit),
      }),
      conditions: conditions.filter(one => one.status).map(({ type, reason, message, sinceMs }) => ({ type, reason, message, sinceMs })),
    };
  }

  #podCounts(): ReadonlyMap<string, PodCounts> {
    const counts = new Map<string, PodCounts>();
    for (const { unit, phase } of this.#ports.podPhases()) {
      if (unit === undefined || phase === 'generic') continue;
      const before = counts.get(unit) ?? noPods;
      const state = phase === 'ready' || phase === 'draining' ? phase : 'starting';
      counts.set(unit, { ...before, [state]: before[state] + 1 });
    }
    return counts;
  }

  async #countDeadLetters(functions: readonly FunctionRecord[], nowMs: number): Promise<void> {
    this.#deadLettersAtMs = nowMs;
    await Promise.all(
      functions.map(async ({ unit }) => {
        const bounds = await boundsOf(this.#ports, deadLetterTopicOf(unit));
        this.#deadLetters.set(
          unit,
          bounds.reduce((sum, one) => sum + one.endOffset - one.startOffset, 0),
        );
      }),
    );
  }

  /** Several functions that read a topic saw nearly the same of it. */
  #topicRates(): Record<string, number> {
    const rates = new Map<string, number>();
    for (const watched of this.#watched.values()) {
      for (const [topic, rate] of watched.rates?.topicRates ?? []) rates.set(topic, round(Math.max(rate, rates.get(topic) ?? 0)));
    }
    return Object.fromEntries(rates);
  }

  #forget(functions: readonly FunctionRecord[]): void {
    if (this.#watched.size === functions.length) return;
    const units = new Set(functions.map(one => one.unit));
    for (const unit of this.#watched.keys()) if (!units.has(unit)) this.#watched.delete(unit);
    for (const unit of this.#deadLetters.keys()) if (!units.has(unit)) this.#deadLetters.delete(unit);
  }
}

type PodCounts = LiveFunction['pods'];
const noPods: PodCounts = { ready: 0, starting: 0, draining: 0 };

type Figures = Pick<
  LiveFunction,
  | 'oldestAgeMs'
  | 'backlogEvents'
  | 'inFlight'
  | 'arrivalRate'
  | 'finishedRate'
  | 'failureRate'
  | 'emitRate'
  | 'capacityRate'
  | 'deadLetters'
>;

function whatIsKnown(figures: { readonly [Name in keyof Figures]: number | undefined }): Figures {
  return Object.fromEntries(Object.entries(figures).flatMap(([name, value]) => (value === undefined ? [] : [[name, round(value)]])));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function capacityOf(rates: Rates | undefined, { ready }: PodCounts): number | undefined {
  return rates?.podRate === undefined ? undefined : rates.podRate * ready;
}

/** Undefined when the end of one partition is not known: a sum without it would be too small. */
function backlogOf(report: UnitReport | undefined): number | undefined {
  let sum = 0;
  for (const { frontier, endOffset } of report?.partitions ?? []) {
    if (endOffset === undefined) return undefined;
    sum += Math.max(0, endOffset - frontier);
  }
  return report === undefined ? undefined : sum;
}
