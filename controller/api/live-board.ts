import type { Clock } from '../clock.ts';
import type { FunctionRecord, Registry } from '../ports/registry.ts';
import { decide } from '../scale/decide.ts';
import type { ScaleInputs } from '../scale/decision.ts';
import { amountOf, type Figure } from '../scale/figure.ts';
import type { ApiPorts } from './api-ports.ts';
import { asFarAsTold } from './function-survey.ts';
import type { LiveFunction, LiveHistory, LivePartition, LiveSnapshot, SeriesAnswer } from './live-schema.ts';
import type { OpenLetters } from './open-letters.ts';
import { SeriesRing, seriesStepMs } from './series-ring.ts';
import { triggerSentence } from './trigger-sentence.ts';

const tickMs = 1_000;
/** Counting them asks the log once per function, and the store about those that are open. */
const deadLettersEveryMs = 5_000;
const sparkPoints = 60;

interface Ports extends Pick<ApiPorts, 'scale' | 'dispatcher' | 'conditions'> {
  readonly letters: Pick<OpenLetters, 'count' | 'keepOnly'>;
  readonly registry: Pick<Registry, 'functions' | 'watch'>;
  readonly clock: Pick<Clock, 'now' | 'sleep' | 'after'>;
}

/**
 * What every function does, second by second: the figures that scaling decides by. Their past is kept for as long as the server runs; all
 * else is put together only while somebody looks.
 */
export class LiveBoard {
  readonly #ports: Ports;
  readonly #rings = new Map<string, SeriesRing>();
  readonly #deadLetters = new Map<string, number | undefined>();
  readonly #viewers = new Set<(snapshot: LiveSnapshot) => void>();
  #functions: Promise<readonly FunctionRecord[]> | undefined;
  #deadLettersAtMs = 0;
  #pointAtMs = 0;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** Until the signal aborts. A turn that fails (the store is away) leaves the figures as they were; its page sees that nothing comes. */
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
    const functions = await this.#live();
    if (nowMs - this.#pointAtMs >= seriesStepMs) this.#addPoints(functions, nowMs);
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
    const functions = await this.#live();
    if (nowMs - this.#deadLettersAtMs >= deadLettersEveryMs) await this.#countDeadLetters(functions, nowMs);
    return { atMs: nowMs, functions: await Promise.all(functions.map(record => this.#show(record))), topics: this.#topicRates(functions) };
  }

  partitions(unit: string): readonly LivePartition[] {
    const reports = this.#ports.dispatcher.report().find(report => report.unit === unit)?.partitions ?? [];
    const owned = new Map(reports.map(one => [`${one.topic}.${one.partition}`, one]));
    return this.#ports.scale.partitions(unit).map(({ name, backlogEvents, oldestAgeMs }) => {
      const dot = name.lastIndexOf('.');
      const mine = owned.get(name);
      return {
        topic: name.slice(0, dot),
        partition: Number(name.slice(dot + 1)),
        ...(mine && { owner: 'this server' }),
        backlogEvents,
        oldestAgeMs: Math.round(oldestAgeMs),
        inFlight: mine?.inFlight ?? 0,
      };
    });
  }

  series(unit: string): SeriesAnswer {
    return (this.#rings.get(unit) ?? new SeriesRing()).read();
  }

  history(): LiveHistory {
    return {
      stepMs: seriesStepMs,
      finishedRate: Object.fromEntries([...this.#rings].map(([unit, ring]) => [unit, ring.tail('finishedRate', sparkPoints)])),
    };
  }

  /** Kept as the reading itself: a change that comes while it is under way has it read again. */
  async #live(): Promise<readonly FunctionRecord[]> {
    const reading = this.#functions ?? this.#ports.registry.functions();
    this.#functions = reading;
    try {
      return await reading;
    } catch (error) {
      if (this.#functions === reading) this.#functions = undefined;
      throw error;
    }
  }

  #addPoints(functions: readonly FunctionRecord[], nowMs: number): void {
    this.#pointAtMs = nowMs;
    for (const { unit } of functions) {
      const ring = this.#rings.get(unit) ?? new SeriesRing();
      this.#rings.set(unit, ring);
      const inputs = this.#ports.scale.inputs(unit);
      ring.add({ ...(inputs ? figuresOf(inputs) : nothingKnown), ...(inputs?.observation.pods ?? noPods) }, nowMs);
    }
    this.#forget(functions);
  }

  async #show({ unit, context, name, live }: FunctionRecord): Promise<LiveFunction> {
    const inputs = this.#ports.scale.inputs(unit);
    const { min, max, maxAgeMs } = live.spec.scale;
    return {
      unit,
      context,
      name,
      revision: live.id,
      triggers: live.spec.on.map(triggerSentence),
      pods: inputs?.observation.pods ?? noPods,
      minPods: inputs?.policy.min ?? min,
      maxPods: inputs?.policy.max ?? max,
      maxAgeMs: inputs?.policy.maxAgeMs ?? maxAgeMs,
      ...whatIsKnown({
        ...(inputs ? figuresOf(inputs) : nothingKnown),
        inFlight: inputs?.observation.inFlight,
        deadLetters: this.#deadLetters.get(unit),
      }),
      conditions: await this.#conditions(unit, inputs),
    };
  }

  /** Those that duties have found, and what scaling says to it at this moment, which is computed rather than stored. */
  async #conditions(unit: string, inputs: ScaleInputs | undefined): Promise<LiveFunction['conditions']> {
    const found = (await this.#ports.conditions.of(unit)).filter(one => one.status);
    const types = new Set(found.map(one => one.type));
    const ofScaling = inputs === undefined ? [] : decide(inputs).conditions.filter(one => !types.has(one.type));
    return [
      ...found.map(({ type, reason, message, sinceMs }) => ({ type, reason, message, sinceMs })),
      ...ofScaling.map(({ type, message, advice }) => ({ type, reason: 'scaling', message: `${message}. ${advice}` })),
    ];
  }

  async #countDeadLetters(functions: readonly FunctionRecord[], nowMs: number): Promise<void> {
    this.#deadLettersAtMs = nowMs;
    await Promise.all(
      functions.map(async ({ unit }) => {
        this.#deadLetters.set(unit, await asFarAsTold(this.#ports.clock, this.#ports.letters.count(unit)));
      }),
    );
  }

  /** Several functions that read a topic saw nearly the same of it. */
  #topicRates(functions: readonly FunctionRecord[]): Record<string, number> {
    const rates = new Map<string, number>();
    for (const { unit } of functions) {
      const mine = new Map<string, number>();
      for (const { name, arrivalRate } of this.#ports.scale.partitions(unit)) {
        const topic = name.slice(0, name.lastIndexOf('.'));
        mine.set(topic, (mine.get(topic) ?? 0) + arrivalRate);
      }
      for (const [topic, rate] of mine) rates.set(topic, round(Math.max(rate, rates.get(topic) ?? 0)));
    }
    return Object.fromEntries(rates);
  }

  #forget(functions: readonly FunctionRecord[]): void {
    if (this.#rings.size === functions.length) return;
    const units = new Set(functions.map(one => one.unit));
    for (const unit of this.#rings.keys()) if (!units.has(unit)) this.#rings.delete(unit);
    for (const unit of this.#deadLetters.keys()) if (!units.has(unit)) this.#deadLetters.delete(unit);
    this.#ports.letters.keepOnly(units);
  }
}

const noPods: LiveFunction['pods'] = { ready: 0, starting: 0, draining: 0 };

type FigureName = 'arrivalRate' | 'finishedRate' | 'capacityRate' | 'oldestAgeMs' | 'backlogEvents';
type Figures = Readonly<Record<FigureName, number | undefined>>;

const nothingKnown: Figures = {
  arrivalRate: undefined,
  finishedRate: undefined,
  capacityRate: undefined,
  oldestAgeMs: undefined,
  backlogEvents: undefined,
};

/** The figures that scaling decides by. One that is old is not shown as one of now. */
function figuresOf({ observation }: ScaleInputs): Figures {
  const { arrivalRate, finishedRate, oldestAgeMs, backlogEvents, podRate, pods } = observation;
  const podAmount = amountOf(podRate);
  return {
    arrivalRate: ofNow(arrivalRate),
    finishedRate: ofNow(finishedRate),
    oldestAgeMs: ofNow(oldestAgeMs),
    backlogEvents: ofNow(backlogEvents),
    capacityRate: podAmount === undefined ? undefined : podAmount * pods.ready,
  };
}

function ofNow(figure: Figure): number | undefined {
  return figure.state === 'known' ? figure.value : undefined;
}

function whatIsKnown(figures: Readonly<Record<FigureName | 'inFlight' | 'deadLetters', number | undefined>>): Partial<LiveFunction> {
  return Object.fromEntries(
    Object.entries(figures).flatMap(([name, value]) => (value === undefined ? [] : [[name, Math.max(0, round(value))]])),
  );
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
