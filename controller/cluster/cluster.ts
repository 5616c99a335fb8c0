import type { Clock } from '../clock.ts';
import type { UnitReport } from '../dispatch/dispatcher.ts';
import { together } from '../lease/together.ts';
import type { Registry } from '../ports/registry.ts';
import type { Log } from '../telemetry/log.ts';
import type { PodDirectory } from '../wire/pod-directory.ts';
import { ClusterPods } from './cluster-pods.ts';
import { Hub, type HubOptions } from './hub.ts';
import { LeaderClient } from './leader-client.ts';
import { Member } from './member-loop.ts';
import type { LeaderLink, PodsAnswer, ProcessReport, UnitCallFigures } from './messages.ts';
import { OwnPods, type OwnPodsOptions } from './own-pods.ts';
import { ReportSender } from './report-exchange.ts';

export interface ClusterOptions {
  readonly secret: string;
  /** Of this process and start. */
  readonly process: string;
  /** Where others reach it; known once its admin listener has a port. */
  readonly address: () => string;
  /** Where batches of this process call back. */
  readonly callbackUrl: () => string;
  readonly registry: Pick<Registry, 'leader'>;
  readonly fleet: OwnPodsOptions['fleet'] &
    Pick<PodDirectory, 'podsOf' | 'comingOf'> & {
      scale(unit: string, replicas: number): void;
      observe(inFlightByPod: ReadonlyMap<string, number>): void;
    };
  /** Whether functions run on pods of this process. */
  readonly hosts: boolean;
  readonly podsMax: number;
  readonly units: () => readonly UnitReport[];
  readonly calls: () => readonly UnitCallFigures[];
  readonly clock: Clock;
  readonly log: Log;
}

/** The name of the lease whose holder leads. */
export const leadership = 'controller';

/** This process among those with the same secret on the same stores: which pods there are, and while it leads, what all of them have reported. */
export class Cluster {
  readonly pods: ClusterPods;
  readonly #options: ClusterOptions;
  readonly #member: Member;
  readonly #own: OwnPods;
  readonly #reports = new ReportSender();
  #hub: Hub | undefined;
  #client: { readonly address: string; readonly link: LeaderClient } | undefined;

  constructor(options: ClusterOptions) {
    const { fleet, podsMax, process, clock, log } = options;
    this.#options = options;
    this.#own = new OwnPods({ fleet, podsMax, onChange: () => this.#member.poke() });
    this.pods = new ClusterPods({ own: fleet, callbackUrl: options.callbackUrl, ask: wish => this.#member.want(wish) });
    this.#member = new Member({
      process,
      clock,
      log,
      leader: () => this.#leader(),
      report: () => this.#report(),
      onPods: answer => this.#take(answer),
      onInFlight: inFlightByPod => fleet.observe(inFlightByPod),
    });
  }

  /** Undefined: another process leads, or none. */
  get hub(): Hub | undefined {
    return this.#hub;
  }

  /** False: nobody starts or ends pods at the moment. */
  get hasLeader(): boolean {
    return this.#member.hasLeader;
  }

  /** The text by which others find this process while it holds the lease. */
  get holder(): string {
    return `${this.#options.process} ${this.#options.address()}`;
  }

  /** Resolves when all others know what pods of this process are now, or cannot be waited for. */
  released(): Promise<void> {
    return this.#member.released(this.#own.revision);
  }

  /** Leads for as long as the work takes. */
  async lead(
    options: Omit<HubOptions, 'clock'>,
    work: (hub: Hub, signal: AbortSignal) => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<void> {
    const hub = new Hub({ ...options, clock: this.#options.clock });
    this.#hub = hub;
    try {
      await together(signal, [both => hub.run(both), both => work(hub, both)]);
    } finally {
      this.#hub = undefined;
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#member.run(signal);
    await this.#client?.link.close();
  }

  async #leader(): Promise<LeaderLink | undefined> {
    const { registry, clock, process, secret } = this.#options;
    const leader = await registry.leader(leadership, clock.now());
    const [holder, address] = leader?.holder.split(' ') ?? [];
    if (holder === process) return this.#hub;
    if (address === undefined) return undefined;
    if (this.#client?.address !== address) {
      await this.#client?.link.close();
      this.#client = { address, link: new LeaderClient(address, secret, this.#reports) };
    }
    return this.#client.link;
  }

  #report(): ProcessReport {
    const { process, hosts, units, calls } = this.#options;
    return { process, hosting: hosts ? this.#own.hosting : undefined, units: units(), calls: calls() };
  }

  #take(answer: PodsAnswer): void {
    this.pods.take(answer);
    for (const [unit, share] of answer.shares ?? []) this.#options.fleet.scale(unit, share);
  }
}
