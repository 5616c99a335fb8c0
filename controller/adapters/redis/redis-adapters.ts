import type { Clock } from '../../clock.ts';
import type { Checkup } from '../../ports/checkup.ts';
import type { Random } from '../../random.ts';
import type { Log } from '../../telemetry/log.ts';
import { ClusterLinks } from './cluster-links.ts';
import { checkLayout } from './data-layout.ts';
import { examineRedis } from './redis-checkup.ts';
import { RedisHistory } from './redis-history.ts';
import { RedisLink } from './redis-link.ts';
import { type RedisLinks, singleLink } from './redis-links.ts';
import { parseRedisPlace, type RedisPlace } from './redis-place.ts';
import { RedisRegistry } from './redis-registry.ts';
import { RedisState } from './redis-state.ts';

export interface RedisAdapters {
  readonly state: RedisState;
  readonly registry: RedisRegistry;
  readonly history: RedisHistory;
  examine(): Promise<readonly Checkup[]>;
  close(): Promise<void>;
}

export interface RedisTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface RedisAdapterOptions {
  /** As the setting `state`: redis-place.ts. */
  readonly address: string;
  readonly password: string | undefined;
  /** PEM texts; used with TLS alone. */
  readonly tls?: RedisTls;
  /** Takes a server that loses or evicts what it acknowledged. */
  readonly unsafe: boolean;
  /** How many replicas must have on disk what is called durable. */
  readonly replicas: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The stores on a Redis. Throws when it cannot be reached, refuses us, or would not keep what it acknowledges. */
export async function openRedisAdapters(options: RedisAdapterOptions): Promise<RedisAdapters> {
  const place = parseRedisPlace(options.address);
  const links = await openLinks(place, options);
  await checkLayout(links).catch(async error => {
    await links.close();
    throw error;
  });
  const state = new RedisState({ links, clock: options.clock });
  const registry = new RedisRegistry(links, options.random);
  const history = new RedisHistory({ links, clock: options.clock });
  return {
    state,
    registry,
    history,
    examine: async () => (await Promise.all(links.all().map(link => examineRedis(link, () => options.clock.now())))).flat(),
    async close() {
      await registry.close();
      await history.close();
      await state.close();
      await links.close();
    },
  };
}

async function openLinks(place: RedisPlace, options: RedisAdapterOptions): Promise<RedisLinks> {
  const { password, tls, ...rest } = options;
  const target = {
    ...(place.username === undefined ? {} : { username: place.username }),
    ...(password === undefined ? {} : { password }),
    ...(place.tls ? { tls: { ...tls } } : {}),
  };
  if (place.kind === 'cluster') {
    const links = new ClusterLinks({ ...rest, target, seeds: place.nodes });
    await links.open();
    return links;
  }
  const link = new RedisLink({
    ...rest,
    place: place.nodes.map(({ host, port }) => `${host}:${port}`).join(','),
    target:
      place.kind === 'sentinel'
        ? { ...target, sentinels: [...place.nodes], name: place.setName, failoverDetector: true }
        : { ...target, ...place.nodes[0], db: place.database },
  });
  await link.open();
  return singleLink(link);
}
