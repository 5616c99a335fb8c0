import type { Clock } from '../clock.ts';
import { FaasError } from '../errors.ts';
import type { Source, StateStore } from '../ports/state.ts';
import type { Random } from '../random.ts';
import { jobKey, type ReplayJob, readJob, writeJob } from './replay-job.ts';

/** A unit of its own in the state store; no `<context>.<function>` can have this name. */
const unit = '$replays';
const source: Source = { unit, name: 'replays' };
const triesMax = 50;
const pauseMs = 10;
const pageKeys = 1_000;

type Options = { readonly state: StateStore; readonly random: Random; readonly clock: Clock };

/**
 * The replays of all functions, changed by any server: each change claims the place anew and checks the version that it read, so that of two at once
 * one is made after the other.
 */
export class ReplayStore {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Of one function, or of all; in the order of their keys. */
  async list(of?: string): Promise<readonly ReplayJob[]> {
    const jobs: ReplayJob[] = [];
    const prefix = of === undefined ? '' : `${of}/`;
    for (let after: string | undefined; ; ) {
      const page = await this.#options.state.list(unit, { prefix, limit: pageKeys, ...(after === undefined ? {} : { after }) });
      for (const { value } of page) jobs.push(...[readJob(value)].filter(job => job !== undefined));
      after = page.at(-1)?.key;
      if (page.length < pageKeys || after === undefined) return jobs;
    }
  }

  async put(job: ReplayJob): Promise<void> {
    await this.#change(jobKey(job.unit, job.id), () => job);
  }

  async remove(jobs: readonly ReplayJob[]): Promise<void> {
    for (const { unit: of, id } of jobs) await this.#change(jobKey(of, id), () => null);
  }

  /** Answers the job after the change; undefined: there is none. */
  async change(of: string, id: string, decide: (job: ReplayJob) => ReplayJob): Promise<ReplayJob | undefined> {
    let after: ReplayJob | undefined;
    await this.#change(jobKey(of, id), job => {
      after = job === undefined ? undefined : decide(job);
      return after;
    });
    return after;
  }

  /** undefined leaves it as it is, null removes it. */
  async #change(key: string, decide: (job: ReplayJob | undefined) => ReplayJob | null | undefined): Promise<void> {
    const { state, random, clock } = this.#options;
    for (let tries = 0; tries < triesMax; tries += 1) {
      const ownerToken = random.token();
      await state.claim(source, { ownerToken, brokerGeneration: 0, nowMs: clock.now(), committedOffset: 0 });
      const [read] = await state.read(unit, [key]);
      const next = decide(read?.value === undefined ? undefined : readJob(read.value));
      if (next === undefined) return;
      const result = await state.commit(source, {
        ...emptyCommit,
        ownerToken,
        id: ownerToken,
        reads: [{ key, version: read?.version ?? null }],
        writes: [{ key, value: next === null ? null : writeJob(next) }],
      });
      if (result.kind === 'ok' || result.kind === 'already') return;
      await clock.sleep(pauseMs * random.fraction());
    }
    throw new FaasError('FAAS_STORE_BUSY', 'others kept changing the replays', 'Try again.');
  }
}

const emptyCommit = {
  ordinal: 1,
  stream: unit,
  highSeqOffset: 0,
  highSeqs: [],
  done: [],
  clearAttempts: [],
  ids: [],
  knownIds: [],
  emits: [],
} as const;
