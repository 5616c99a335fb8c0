import { FaasError } from '../../errors.ts';
import { type SlotMap, slotMap, slotOf } from './cluster-slots.ts';
import { unreachableHint } from './redis-errors.ts';
import { type LinkOptions, RedisLink } from './redis-link.ts';
import type { RedisLinks } from './redis-links.ts';

export type ClusterOptions = Omit<LinkOptions, 'place' | 'onRedirect'> & {
  readonly seeds: readonly { readonly host: string; readonly port: number }[];
};

/** A node that does not answer is asked for its successor this often at most. */
const refreshEveryMs = 250;

/**
 * One connection to each node that serves slots. We choose the node, and a redirection is never followed: what was owned over the connection to the old
 * node is void, and is claimed again over that to the new one.
 */
export class ClusterLinks implements RedisLinks {
  readonly place: string;
  readonly #options: ClusterOptions;
  readonly #links = new Map<string, RedisLink>();
  readonly #listeners: { readonly channel: string; readonly onMessage: () => void; readonly stops: Map<RedisLink, () => void> }[] = [];
  #slots: SlotMap = [];
  #refreshing: Promise<void> | undefined;
  #refreshedAtMs = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.place = options.seeds.map(({ host, port }) => `${host}:${port}`).join(',');
  }

  /** Resolves when every node that serves slots can be used. */
  async open(): Promise<void> {
    let refusal: unknown;
    for (const { host, port } of this.#options.seeds) {
      try {
        const seed = await this.#open(`${host}:${port}`);
        await this.#learn(seed, host);
        return;
      } catch (error) {
        refusal ??= error;
        if (!(error instanceof FaasError) || error.code !== 'FAAS_STORE_UNREACHABLE') break;
      }
    }
    await this.close();
    throw refusal;
  }

  all(): readonly RedisLink[] {
    return [...this.#links.values()];
  }

  get isStrict(): boolean {
    return [...new Set(this.#slots)].every(node => this.#links.get(node)?.isStrict === true);
  }

  async of(unit: string): Promise<RedisLink> {
    const link = this.#linkOf(unit);
    if (link?.facts !== undefined) return link;
    await this.#refresh();
    const now = this.#linkOf(unit);
    if (now === undefined)
      throw new FaasError('FAAS_STORE_UNREACHABLE', `no node of the Redis cluster at ${this.place} answers`, unreachableHint);
    return now;
  }

  listen(channel: string, onMessage: () => void): () => void {
    const listener = { channel, onMessage, stops: new Map<RedisLink, () => void>() };
    this.#listeners.push(listener);
    for (const link of this.#links.values()) listener.stops.set(link, link.listen(channel, onMessage));
    return () => {
      this.#listeners.splice(this.#listeners.indexOf(listener), 1);
      for (const stop of listener.stops.values()) stop();
    };
  }

  async close(): Promise<void> {
    await this.#refreshing?.catch(() => {});
    await Promise.all([...this.#links.values()].map(link => link.close()));
    this.#links.clear();
  }

  #linkOf(unit: string): RedisLink | undefined {
    return this.#links.get(this.#slots[slotOf(unit)] ?? '');
  }

  /** Asks any node that answers who serves what now. */
  #refresh(): Promise<void> {
    const nowMs = this.#options.clock.now();
    if (this.#refreshing === undefined && nowMs - this.#refreshedAtMs >= refreshEveryMs) {
      this.#refreshedAtMs = nowMs;
      this.#refreshing = this.#askAround().finally(() => {
        this.#refreshing = undefined;
      });
    }
    return this.#refreshing ?? Promise.resolve();
  }

  async #askAround(): Promise<void> {
    for (const [node, link] of this.#links) {
      if (link.facts === undefined) continue;
      try {
        await this.#learn(link, node.slice(0, node.lastIndexOf(':')));
        return;
      } catch (error) {
        this.#options.log.warn('a node of the cluster does not say who serves what', { place: link.place, error: String(error) });
      }
    }
  }

  async #learn(link: RedisLink, host: string): Promise<void> {
    if (link.facts?.isOfCluster === false) {
      const hint = 'Set the setting state to redis://host:port, or rediss://host:port with TLS.';
      throw new FaasError('FAAS_SETTING_VALUE', `state names a cluster, and the Redis at ${link.place} is a server by itself`, hint);
    }
    const slots = slotMap(await link.command('CLUSTER', 'SLOTS'), host, link.place);
    await Promise.all([...new Set(slots)].map(node => this.#links.get(node) ?? this.#open(node)));
    this.#slots = slots;
  }

  async #open(node: string): Promise<RedisLink> {
    const known = this.#links.get(node);
    if (known !== undefined) return known;
    const at = node.lastIndexOf(':');
    const target = { ...this.#options.target, host: node.slice(0, at), port: Number(node.slice(at + 1)) };
    const link = new RedisLink({ ...this.#options, target, place: node, onRedirect: () => void this.#refresh() });
    await link.open();
    this.#links.set(node, link);
    for (const listener of this.#listeners) listener.stops.set(link, link.listen(listener.channel, listener.onMessage));
    return link;
  }
}
