import { readFile } from 'node:fs/promises';
import type { RedisAdapters, RedisTls } from './adapters/redis/redis-adapters.ts';
import type { Clock } from './clock.ts';
import { FaasError } from './errors.ts';
import type { Settings } from './settings.ts';
import type { Log } from './telemetry/log.ts';

export interface OpenRedisOptions {
  readonly settings: Settings;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
}

/** The stores on the Redis that the setting `state` names; loaded only then. */
export async function openRedis({ settings, env, clock, log }: OpenRedisOptions): Promise<RedisAdapters> {
  const { openRedisAdapters } = await import('./adapters/redis/redis-adapters.ts');
  return openRedisAdapters({
    address: settings.state,
    password: await readPassword(settings, env),
    tls: await readTls(settings),
    unsafe: settings['state.unsafe'],
    replicas: settings['state.replicas'],
    clock,
    log,
  });
}

/** From FAAS_STATE_PASSWORD, or the first line of the file: never from a flag, which every user of the machine can read. */
async function readPassword(settings: Settings, env: OpenRedisOptions['env']): Promise<string | undefined> {
  const given = env.FAAS_STATE_PASSWORD ?? '';
  if (given !== '') return given;
  const text = await readSettingFile('state.passwordFile', settings['state.passwordFile']);
  const [line = ''] = text?.split(/\r?\n/) ?? [];
  return line === '' ? undefined : line;
}

async function readTls(settings: Settings): Promise<RedisTls> {
  const [ca, cert, key] = await Promise.all([
    readSettingFile('state.ca', settings['state.ca']),
    readSettingFile('state.cert', settings['state.cert']),
    readSettingFile('state.key', settings['state.key']),
  ]);
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

async function readSettingFile(name: string, file: string): Promise<string | undefined> {
  if (file === '') return undefined;
  return readFile(file, 'utf8').catch(error => {
    throw new FaasError(
      'FAAS_SETTING_VALUE',
      `${name}: ${file} cannot be read: ${String(error.code ?? error)}`,
      'Check the path and its rights.',
    );
  });
}
