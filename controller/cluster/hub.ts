import type { Clock } from '../clock.ts';
import type { UnitReport } from '../dispatch/dispatcher.ts';
import { FaasError } from '../errors.ts';
import type { PodView } from '../wire/pod-directory.ts';
import type {
  LeaderDesk,
  LeaderLink,
  MessageAnswer,
  PodsAnswer,
  PodsQuestion,
  PodsWish,
  ProcessReport,
  ReportAnswer,
  ReportMessage,
  Term,
  UnitCallFigures,
} from './messages.ts';
import { ReportBook } from './report-book.ts';
import { ReportKeeper } from './report-exchange.ts';
import { shareOut } from './share-out.ts';

export interface HubOptions extends Term {
  readonly clock: Clock;
  readonly onWant: (wish: PodsWish) => void;
}

/** A process that has not been heard of for so long has no pods and no events any more, as far as anybody knows. */
export const silentMs = 3_000;
/** After a change of leader, everybody who lives has reported within this time. */
export const gatherMs = 3_000;
/** A question for pods is answered after this time at the latest, so that the one who asks knows that the leader lives. */
const answerMs = 2_000;
const sweepMs = 250;
/** While somebody acknowledges nothing. One in the middle that is dropped delays a release, for which nobody waits longer than three seconds. */
const publishedMax = 256;

interface Member {
  readonly process: string;
  report: ProcessReport;
  heardMs: number;
  /** Of its last question: what it has acknowledged. */
  acknowledged: number;
  /** Changes of its own pods that others may not have seen: its own revision, and ours with it. */
  published: { readonly own: number; readonly ours: number }[];
  released: number;
}

interface PodCounts {
  readonly ready: number;
  readonly starting: number;
  readonly draining: number;
}

const noPods: PodCounts = { ready: 0, starting: 0, draining: 0 };

/** What the leader knows of all processes, for the time that it leads: who runs which pods, who has seen that, and how many there are to be. */
export class Hub implements LeaderLink, LeaderDesk {
  readonly #options: HubOptions;
  readonly #book = new ReportBook();
  readonly #kept = new ReportKeeper();
  readonly #members = new Map<string, Member>();
  readonly #waiters = new Set<() => void>();
  /** Decided replicas, by unit. */
  readonly #wanted = new Map<string, number>();
  #shares: ReadonlyMap<string, ReadonlyMap<string, number>> = new Map();
  #isShared = true;
  #revision = 1;
  #isComplete = false;
  #isOver = false;

  constructor(options: HubOptions) {
    this.#options = options;
  }

  /** Everybody who lives has reported since this process leads: what is missing now is gone. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Resolves when it is, or the signal aborts. */
  async complete(signal: AbortSignal): Promise<void> {
    while (!this.#isComplete && !signal.aborted) await this.#options.clock.sleep(sweepMs, signal);
  }

  /** What does not follow what is held says nothing: whoever sends nothing else is as silent as one that sends nothing. */
  async take(message: ReportMessage): Promise<MessageAnswer> {
    this.#assertLeads();
    const report = this.#kept.take(message);
    if (report === undefined) return { ...this.#term, inFlightByPod: new Map(), holds: undefined };
    return { ...(await this.report(report)), holds: message.sequence };
  }

  async report(report: ProcessReport): Promise<ReportAnswer> {
    this.#assertLeads();
    const known = this.#members.get(report.process);
    const member = known ?? this.#added(report);
    member.heardMs = this.#options.clock.steady();
    const before = known?.report.hosting;
    member.report = report;
    this.#book.take(report);
    const { hosting } = report;
    const isNew = known === undefined || hosting?.revision !== before?.revision;
    if (isNew) {
      if (!this.#isComplete) for (const unit of this.#wanted.keys()) this.#keepAimed(unit);
      this.#isShared = false;
      this.#bump();
      if (hosting !== undefined) member.published.push({ own: hosting.revision, ours: this.#revision });
      if (member.published.length > publishedMax) member.published.splice(-2, 1);
    }
    return { ...this.#term, inFlightByPod: this.#ofPods(hosting?.pods ?? []) };
  }

  async pods({ process, term, revision }: PodsQuestion, signal: AbortSignal): Promise<PodsAnswer> {
    this.#assertLeads();
    const known = term === this.#options.term ? revision : 0;
    this.#acknowledge(process, known);
    const untilMs = this.#options.clock.steady() + answerMs;
    while (known >= this.#revision && !this.#isOver && !signal.aborted && this.#options.clock.steady() < untilMs)
      await this.#changed(untilMs, signal);
    this.#assertLeads();
    return this.#answer(process);
  }

  async want(wish: PodsWish): Promise<void> {
    this.#assertLeads();
    this.#options.onWant(wish);
  }

  /** Of all dispatchers together. */
  reports(): readonly UnitReport[] {
    return this.#book.units();
  }

  calls(unit: string): Omit<UnitCallFigures, 'unit'> {
    return this.#book.calls(unit);
  }

  replicas(unit: string): number {
    return this.#wanted.get(unit) ?? this.#aimedAt(unit);
  }

  /** Until everybody has reported nothing is taken away: those who are missing may have the pods. */
  scale(unit: string, replicas: number): void {
    this.#wanted.set(unit, this.#isComplete ? replicas : Math.max(replicas, this.#aimedAt(unit)));
    this.#isShared = false;
    this.#bump();
  }

  counts(): ReadonlyMap<string, PodCounts> {
    const counts = new Map<string, PodCounts>();
    for (const { unit, state } of this.#pods()) {
      const count = counts.get(unit) ?? noPods;
      counts.set(unit, { ...count, [state]: count[state] + 1 });
    }
    for (const unit of this.#units()) {
      const count = counts.get(unit) ?? noPods;
      counts.set(unit, { ...count, starting: Math.max(0, this.replicas(unit) - count.ready) });
    }
    return counts;
  }

  /** How many pods all processes together may have. */
  podsMax(): number {
    return [...this.#members.values()].reduce((sum, { report }) => sum + (report.hosting?.podsMax ?? 0), 0);
  }

  podsOf(unit: string): readonly PodView[] {
    return this.#pods().filter(one => one.unit === unit);
  }

  /** The functions that are live. */
  keep(units: ReadonlySet<string>): void {
    for (const unit of this.#wanted.keys()) if (!units.has(unit)) this.#wanted.delete(unit);
    this.#book.keep(units);
  }

  /** Notices who has gone silent. Resolves when the signal aborts; questions are answered then. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const startedMs = clock.steady();
    let lastMs = startedMs;
    while (!signal.aborted) {
      await clock.sleep(sweepMs, signal);
      const nowMs = clock.steady();
      const sleptMs = nowMs - lastMs - sweepMs;
      lastMs = nowMs;
      // It was this process that did nothing: what the others sent meanwhile is still to be read.
      if (sleptMs > sweepMs) for (const member of this.#members.values()) member.heardMs += sleptMs;
      this.#sweep(nowMs);
      if (!this.#isComplete && nowMs - startedMs >= gatherMs) this.#complete();
    }
    this.#isOver = true;
    this.#wake();
  }

  #assertLeads(): void {
    if (this.#isOver) throw notLeading();
  }

  #sweep(nowMs: number): void {
    for (const { process, heardMs } of [...this.#members.values()]) {
      if (nowMs - heardMs < silentMs) continue;
      this.#members.delete(process);
      this.#book.forget(process);
      this.#kept.forget(process);
      this.#isShared = false;
      this.#bump();
      this.#release();
    }
  }

  /** What processes aim at is what the leader before had decided. */
  #complete(): void {
    this.#isComplete = true;
    for (const unit of this.#units()) this.#keepAimed(unit);
    this.#isShared = false;
    this.#bump();
  }

  #keepAimed(unit: string): void {
    this.#wanted.set(unit, Math.max(this.#wanted.get(unit) ?? 0, this.#aimedAt(unit)));
  }

  #added(report: ProcessReport): Member {
    const member = { process: report.process, report, heardMs: 0, acknowledged: 0, published: [], released: 0 };
    this.#members.set(report.process, member);
    return member;
  }

  #acknowledge(process: string, revision: number): void {
    const member = this.#members.get(process);
    if (member === undefined) return;
    member.heardMs = this.#options.clock.steady();
    member.acknowledged = revision;
    this.#release();
  }

  /** A process may end a pod when everybody else has seen that it takes nothing more. */
  #release(): void {
    let isChanged = false;
    for (const host of this.#members.values()) {
      const others = [...this.#members.values()].filter(one => one !== host).map(one => one.acknowledged);
      const seen = Math.min(Number.POSITIVE_INFINITY, ...others);
      const released = Math.max(host.released, ...host.published.filter(({ ours }) => ours <= seen).map(({ own }) => own));
      host.published = host.published.filter(({ own }) => own > released);
      isChanged ||= released !== host.released;
      host.released = released;
    }
    if (isChanged) this.#bump();
  }

  /** Made when somebody asks: a tick of scaling decides for hundreds of functions one after the other. */
  #sharesNow(): ReadonlyMap<string, ReadonlyMap<string, number>> {
    if (!this.#isShared) this.#share();
    this.#isShared = true;
    return this.#shares;
  }

  #share(): void {
    const hosts = [...this.#members.values()].flatMap(({ process, report: { hosting } }) =>
      hosting === undefined ? [] : [{ process, hosting }],
    );
    // What was decided a moment ago counts, although nobody has reported it yet.
    const has = ({ process, hosting }: (typeof hosts)[number], unit: string): number =>
      this.#shares.get(process)?.get(unit) ?? hosting.replicas.get(unit) ?? 0;
    const units = [...this.#units()].sort();
    const free = new Map(hosts.map(host => [host.process, host.hosting.podsMax - units.map(unit => has(host, unit)).reduce(add, 0)]));
    const shares = new Map(hosts.map(({ process }) => [process, new Map<string, number>()]));
    for (const unit of units) {
      const wanted = this.#wanted.get(unit) ?? (this.#isComplete ? 0 : undefined);
      if (wanted === undefined) continue;
      const now = hosts.map(host => ({ process: host.process, has: has(host, unit), free: free.get(host.process) ?? 0 }));
      const shared = shareOut(wanted, now);
      for (const { process, has: had } of now) {
        const share = shared.get(process) ?? 0;
        free.set(process, (free.get(process) ?? 0) - (share - had));
        shares.get(process)?.set(unit, share);
      }
    }
    this.#shares = shares;
  }

  #answer(process: string): PodsAnswer {
    const others = [...this.#members.values()].filter(one => one.process !== process && one.report.hosting !== undefined);
    return {
      ...this.#term,
      revision: this.#revision,
      isComplete: this.#isComplete,
      hosts: new Map(others.map(one => [one.process, one.report.hosting?.pods ?? []])),
      exits: others.flatMap(one => one.report.hosting?.exits ?? []),
      shares: this.#sharesNow().get(process),
      released: this.#members.get(process)?.released ?? 0,
    };
  }

  #changed(untilMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    return new Promise(resolve => {
      const done = (): void => {
        cancel();
        this.#waiters.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = clock.after(Math.max(1, untilMs - clock.steady()), done);
      this.#waiters.add(done);
      signal.addEventListener('abort', done);
    });
  }

  #bump(): void {
    this.#revision += 1;
    this.#wake();
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  #aimedAt(unit: string): number {
    let sum = 0;
    for (const { report } of this.#members.values()) sum += report.hosting?.replicas.get(unit) ?? 0;
    return sum;
  }

  #units(): ReadonlySet<string> {
    const hosted = [...this.#members.values()].flatMap(({ report }) => [...(report.hosting?.replicas.keys() ?? [])]);
    return new Set([...this.#wanted.keys(), ...hosted]);
  }

  #pods(): readonly PodView[] {
    return [...this.#members.values()].flatMap(({ report }) => report.hosting?.pods ?? []);
  }

  #ofPods(pods: readonly PodView[]): ReadonlyMap<string, number> {
    const all = this.#book.inFlightByPod();
    return new Map(pods.flatMap(({ pod: { id } }) => (all.has(id) ? [[id, all.get(id) ?? 0] as const] : [])));
  }

  get #term(): Term {
    const { term, fencing } = this.#options;
    return { term, fencing };
  }
}

/** For whoever asks a process that does not lead (any more). */
export function notLeading(): FaasError {
  return new FaasError('FAAS_NOT_LEADING', 'this process does not lead', 'Ask the registry again who does.');
}

function add(a: number, b: number): number {
  return a + b;
}
