import { readFile } from 'node:fs/promises';
import type { KafkaStreams } from './adapters/kafka/kafka-streams.ts';
import type { Clock } from './clock.ts';
import { FaasError } from './errors.ts';
import type { Settings } from './settings.ts';
import type { StreamsPlace } from './settings-streams.ts';
import type { Log } from './telemetry/log.ts';

export interface OpenKafkaOptions {
  readonly settings: Settings;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
}

/** A partition whose owner changes waits for one sign of life of the old one. */
const heartbeatMsMax = 1_000;

/** Streams on the Kafka that the setting `streams` names; loaded only then. */
export async function openKafka(place: Extract<StreamsPlace, { kind: 'kafka' }>, options: OpenKafkaOptions): Promise<KafkaStreams> {
  const { settings, env, clock, log } = options;
  const mechanism = settings['kafka.sasl'];
  const sasl =
    mechanism === 'none' ? undefined : { mechanism, username: settings['kafka.username'], password: await readPassword(settings, env) };
  const sessionMs = settings['kafka.session'];
  const { openKafkaStreams } = await import('./adapters/kafka/kafka-streams.ts');
  return openKafkaStreams({
    seeds: place.seeds,
    tls: place.tls ? await readTls(settings) : undefined,
    sasl,
    clientId: 'faas',
    clock,
    log,
    replication: settings['kafka.replication'],
    compression: settings['kafka.compression'],
    sessionMs,
    heartbeatMs: Math.min(heartbeatMsMax, sessionMs / 3),
  });
}

/** From FAAS_KAFKA_PASSWORD, or the first line of the file: never from a flag, which every user of the machine can read. */
async function readPassword(settings: Settings, env: OpenKafkaOptions['env']): Promise<string> {
  const given = env.FAAS_KAFKA_PASSWORD ?? '';
  if (given !== '') return given;
  const [line = ''] = (await readSettingFile('kafka.passwordFile', settings['kafka.passwordFile']))?.split(/\r?\n/) ?? [];
  if (line !== '') return line;
  throw new FaasError(
    'FAAS_SETTING_VALUE',
    'kafka.sasl needs a password, and there is none',
    'Set FAAS_KAFKA_PASSWORD, or kafka.passwordFile to a file whose first line it is.',
  );
}

async function readTls(settings: Settings): Promise<{ ca?: string; cert?: string; key?: string }> {
  const [ca, cert, key] = await Promise.all([
    readSettingFile('kafka.ca', settings['kafka.ca']),
    readSettingFile('kafka.cert', settings['kafka.cert']),
    readSettingFile('kafka.key', settings['kafka.key']),
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
