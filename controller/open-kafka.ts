import type { KafkaStreams } from './adapters/kafka/kafka-streams.ts';
import type { Clock } from './clock.ts';
import { FaasError } from './errors.ts';
import { readPassword, readTls } from './server-secrets.ts';
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
    mechanism === 'none' ? undefined : { mechanism, username: settings['kafka.username'], password: await neededPassword(settings, env) };
  const sessionMs = settings['kafka.session'];
  const { openKafkaStreams } = await import('./adapters/kafka/kafka-streams.ts');
  return openKafkaStreams({
    seeds: place.seeds,
    tls: place.tls ? await readTls('kafka', settings) : undefined,
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

async function neededPassword(settings: Settings, env: OpenKafkaOptions['env']): Promise<string> {
  const password = await readPassword('kafka', settings, env.FAAS_KAFKA_PASSWORD);
  if (password !== undefined) return password;
  throw new FaasError(
    'FAAS_SETTING_VALUE',
    'kafka.sasl needs a password, and there is none',
    'Set FAAS_KAFKA_PASSWORD, or kafka.passwordFile to a file whose first line it is.',
  );
}
