import type { Clock } from '../clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { LeaderLink, PodsAnswer, PodsWish, ProcessReport, Term } from './messages.ts';

export interface MemberOptions {
  /** Of this process and start. */
  readonly process: string;
  /** The link to whoever leads now; undefined: nobody does. */
  readonly leader: () => Promise<LeaderLink | undefined>;
  /** What this process has to say now. */
  readonly report: () => ProcessReport;
  readonly onPods: (answer: PodsAnswer) => void;
  readonly onInFlight: (inFlightByPod: ReadonlyMap<string, number>) => void;
  readonly clock: Clock;
  readonly log: Log;
}

const reportEveryMs = 1_000;
const findEveryMs = 250;
/** A pod that is to end waits for so long until all have seen that; then it says itself that it takes nothing more. */
const releaseMsMax = 3_000;

/** One process of a cluster towards the leader: tells it each second what there is, and learns from it which pods there are and how many it is to have. */
export class Member {
  readonly #options: MemberOptions;
  #link: LeaderLink | undefined;
  #last: { readonly term: Term; readonly revision: number } | undefined;
  #fencing = 0;
  #released = 0;
  readonly #releaseWaiters = new Set<() => void>();
  #poked = new AbortController();
  #isLost = false;

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  /** False: nobody leads at the moment, and nobody starts or ends pods. */
  get hasLeader(): boolean {
    return this.#link !== undefined;
  }

  /** False: there is nobody to be asked. */
  want(wish: PodsWish): boolean {
    const link = this.#link;
    if (link === undefined) return false;
    // Whether the leader is gone is found out by the next report.
    link.want(wish).catch(error => this.#options.log.debug('a wish was not heard', { unit: wish.unit, error: String(error) }));
    return true;
  }

  /** Something is to be told sooner than the next second. */
  poke(): void {
    this.#poked.abort();
  }

  /** Resolves when all others have seen the pods of this process as they were at this revision, or cannot be waited for. */
  async released(revision: number): Promise<void> {
    if (this.#link === undefined || this.#released >= revision) return;
    const { clock } = this.#options;
    const untilMs = clock.steady() + releaseMsMax;
    while (this.#released < revision && clock.steady() < untilMs && this.hasLeader) {
      await new Promise<void>(resolve => {
        const done = (): void => {
          cancel();
          this.#releaseWaiters.delete(done);
          resolve();
        };
        const cancel = clock.after(findEveryMs, done);
        this.#releaseWaiters.add(done);
      });
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#reporting(signal), this.#following(signal)]);
  }

  async #reporting(signal: AbortSignal): Promise<void> {
    const { clock, report, onInFlight } = this.#options;
    while (!signal.aborted) {
      this.#poked = new AbortController();
      const link = this.#link ?? (await this.#find());
      if (link !== undefined) {
        try {
          const answer = await link.report(report());
          this.#heard(link, answer);
          onInFlight(answer.inFlightByPod);
        } catch (error) {
          this.#lost(link, error);
        }
      }
      await clock.sleep(this.#link === undefined ? findEveryMs : reportEveryMs, AbortSignal.any([signal, this.#poked.signal]));
    }
  }

  async #following(signal: AbortSignal): Promise<void> {
    const { clock, process, onPods } = this.#options;
    while (!signal.aborted) {
      const link = this.#link;
      if (link === undefined) {
        await clock.sleep(findEveryMs / 2, signal);
        continue;
      }
      try {
        const answer = await link.pods({ process, term: this.#last?.term.term, revision: this.#last?.revision ?? 0 }, signal);
        if (signal.aborted) return;
        this.#heard(link, answer);
        if (this.#last?.term.term !== answer.term) this.#released = 0;
        this.#last = { term: answer, revision: answer.revision };
        onPods(answer);
        this.#released = Math.max(this.#released, answer.released);
        for (const waiter of [...this.#releaseWaiters]) waiter();
      } catch (error) {
        this.#lost(link, error);
      }
    }
  }

  /** A leader counts as one when it has answered. */
  async #find(): Promise<LeaderLink | undefined> {
    try {
      return await this.#options.leader();
    } catch (error) {
      this.#options.log.debug('leader could not be looked up', { error: String(error) });
      return undefined;
    }
  }

  /** Throws when the answer is of a leader that has been followed by another one. */
  #heard(link: LeaderLink, { fencing }: Term): void {
    if (fencing < this.#fencing) throw new Error(`leader ${fencing} was followed by ${this.#fencing}`);
    this.#fencing = fencing;
    if (this.#isLost) this.#options.log.info('there is a leader again', { fencing });
    this.#isLost = false;
    this.#link = link;
  }

  #lost(link: LeaderLink, error: unknown): void {
    // Of a leader that another one has followed already.
    if (this.#link !== undefined && this.#link !== link) return;
    this.#link = undefined;
    if (!this.#isLost) this.#options.log.warn('no leader: pods stay as they are, and none is started', { error: String(error) });
    this.#isLost = true;
    for (const waiter of [...this.#releaseWaiters]) waiter();
  }
}
