import type { RedisAdapters } from './adapters/redis/redis-adapters.ts';
import type { Clock } from './clock.ts';
import { FaasError } from './errors.ts';
import type { Random } from './random.ts';
import { readPassword, readTls } from './server-secrets.ts';
import type { Settings } from './settings.ts';
import type { Log } from './telemetry/log.ts';

export interface OpenRedisOptions {
  readonly settings: Settings;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The stores on the Redis that the setting `state` names; loaded only then. */
export async function openRedis({ settings, env, clock, random, log }: OpenRedisOptions): Promise<RedisAdapters> {
  const { openRedisAdapters } = await import('./adapters/redis/redis-adapters.ts');
  return openRedisAdapters({
    address: settings.state,
    password: await readPassword('state', settings, env.FAAS_STATE_PASSWORD),
    tls: await readTls('state', settings),
    unsafe: settings['state.unsafe'],
    replicas: settings['state.replicas'],
    clock,
    random,
    log,
  }).catch(atStart);
}

/** A running server tries again; one that starts ends, and somebody has to look. */
function atStart(error: unknown): never {
  if (!(error instanceof FaasError) || error.code !== 'FAAS_STORE_UNREACHABLE') throw error;
  const hint = 'Check the address in the setting state, and whether the server expects TLS (rediss://).';
  throw new FaasError(error.code, error.message, hint, { cause: error });
}
