import type { Clock } from '../clock.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { SourceProgress, StateStore } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import type { Log } from '../telemetry/log.ts';

export interface LogEndsOptions {
  readonly streams: Pick<Streams, 'ends' | 'bounds' | 'committed' | 'read'>;
  readonly state: Pick<StateStore, 'progress'>;
  readonly clock: Clock;
  readonly log: Log;
}

interface Read<Value> {
  readonly value: Value;
  readonly steadyMs: number;
}

interface AskedTime {
  /** `<topic>.<partition>` */
  readonly name: string;
  readonly frontier: number;
}

/** Where logs end and how far functions are, as last read. One question for the ends of all topics per turn; it never keeps a tick waiting for long. */
export class LogEnds {
  readonly #options: LogEndsOptions;
  readonly #ends = new Map<string, Read<readonly number[]>>();
  readonly #starts = new Map<string, Read<ReadonlyMap<number, number>>>();
  readonly #progress = new Map<string, Read<ReadonlyMap<string, SourceProgress>>>();
  readonly #names = new Map<string, string[]>();
  readonly #underWay = new Set<string>();
  #failing = false;

  constructor(options: LogEndsOptions) {
    this.#options = options;
  }

  /** Asks for the ends of these topics; a turn that has not been answered yet is not overtaken by a second one. */
  async read(topics: readonly string[]): Promise<void> {
    await this.#once('ends', async () => {
      const steadyMs = this.#options.clock.steady();
      const ends = await this.#options.streams.ends(topics);
      for (const [topic, value] of ends) this.#ends.set(topic, { value, steadyMs });
      for (const topic of topics) if (!ends.has(topic)) this.#ends.delete(topic);
    });
  }

  ends(topic: string): Read<readonly number[]> | undefined {
    return this.#ends.get(topic);
  }

  /** `<topic>.<partition>` of the first `count` partitions and more, by partition; made once. */
  namesOf(topic: string, count: number): readonly string[] {
    const names = this.#names.get(topic) ?? [];
    if (names.length === 0) this.#names.set(topic, names);
    while (names.length < count) names.push(`${topic}.${names.length}`);
    return names;
  }

  /** Where the log of a partition begins; read now and then, because only a function that is far behind meets it. */
  start(topic: string, partition: number): number {
    const known = this.#starts.get(topic);
    if (known === undefined || this.#options.clock.steady() - known.steadyMs > startsEveryMs) {
      void this.#once(`start ${topic}`, async () => {
        const steadyMs = this.#options.clock.steady();
        const bounds = await this.#options.streams.bounds(topic);
        this.#starts.set(topic, { value: new Map(bounds.map(one => [one.partition, one.startOffset])), steadyMs });
      });
    }
    return known?.value.get(partition) ?? 0;
  }

  /** Progress in the store, for partitions that no dispatcher reports; where there is none, what the group has committed. */
  progress(live: Pick<LiveFunction, 'unit' | 'group' | 'subscriptions'>): ReadonlyMap<string, SourceProgress> | undefined {
    const { unit } = live;
    const { clock } = this.#options;
    const known = this.#progress.get(unit);
    if (known === undefined || clock.steady() - known.steadyMs > progressEveryMs) {
      void this.#once(`progress ${unit}`, async () => {
        const steadyMs = clock.steady();
        this.#progress.set(unit, { value: await this.#readProgress(live), steadyMs });
      });
    }
    return known !== undefined && clock.steady() - known.steadyMs <= progressGoodMs ? known.value : undefined;
  }

  /** Tells of each partition when its log took the first record at the frontier or above it; 0: it does not say. */
  async times(asked: readonly AskedTime[], tell: (index: number, appendedAtMs: number) => void): Promise<void> {
    await this.#once('times', async () => {
      for (const [index, { name, frontier }] of asked.entries()) {
        let appendedAtMs = 0;
        await this.#once(`time ${name}`, async () => {
          const dot = name.lastIndexOf('.');
          const read = await this.#options.streams.read(name.slice(0, dot), Number(name.slice(dot + 1)), frontier, oneRecord);
          appendedAtMs = read.records[0]?.appendedAtMs ?? 0;
        });
        tell(index, appendedAtMs);
      }
    });
  }

  keepOnly(topics: ReadonlySet<string>, units: ReadonlySet<string>): void {
    for (const map of [this.#ends, this.#starts, this.#names]) for (const topic of map.keys()) if (!topics.has(topic)) map.delete(topic);
    for (const unit of this.#progress.keys()) if (!units.has(unit)) this.#progress.delete(unit);
  }

  async #readProgress({ unit, group, subscriptions }: Pick<LiveFunction, 'unit' | 'group' | 'subscriptions'>) {
    const found = new Map((await this.#options.state.progress(unit)).map(one => [one.source, one]));
    for (const { topic } of subscriptions) {
      if ([...found.keys()].some(source => source.startsWith(`${topic}.`))) continue;
      for (const { partition, offset } of await this.#options.streams.committed(group, topic)) {
        const source = `${topic}.${partition}`;
        found.set(source, { source, frontier: offset, doneAbove: 0 });
      }
    }
    return found;
  }

  async #once(name: string, work: () => Promise<void>): Promise<void> {
    if (this.#underWay.has(name)) return;
    this.#underWay.add(name);
    try {
      await work();
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#options.log.warn('figures for scaling cannot be read', { what: name, error: String(error) });
      this.#failing = true;
    } finally {
      this.#underWay.delete(name);
    }
  }
}

const oneRecord = { records: 1, bytes: 1 };
const startsEveryMs = 30_000;
const progressEveryMs = 5_000;
/** Progress of the store is good for so long, then it is not known. */
const progressGoodMs = 15_000;
