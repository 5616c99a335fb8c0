import { type ChangeOptions, changeValue } from '../change-value.ts';
import type { Source, StateStore } from '../ports/state.ts';
import { jobKey, type ReplayJob, readJob, writeJob } from './replay-job.ts';

/** A unit of its own in the state store; no `<context>.<function>` can have this name. */
const unit = '$replays';
const source: Source = { unit, name: 'replays' };
const pageKeys = 1_000;

type Options = ChangeOptions & { readonly state: StateStore };

/** The replays of all functions, changed by any server. */
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
    await changeValue(this.#options, source, key, value => {
      const next = decide(value === undefined ? undefined : readJob(value));
      return next === undefined || next === null ? next : writeJob(next);
    });
  }
}
