import { openRedisAdapters, type RedisAdapterOptions, type RedisAdapters } from '../../controller/adapters/redis/redis-adapters.ts';
import { systemClock } from '../../controller/clock.ts';
import { systemRandom } from '../../controller/random.ts';
import { silentLog } from '../../controller/telemetry/log.ts';

/** On a Redis of ours: without a password and without replicas, if nothing else is said. */
export function openOnRedis(address: string, more: Partial<RedisAdapterOptions> = {}): Promise<RedisAdapters> {
  const usual = { password: undefined, unsafe: false, replicas: 0, clock: systemClock, random: systemRandom, log: silentLog };
  return openRedisAdapters({ address, ...usual, ...more });
}
