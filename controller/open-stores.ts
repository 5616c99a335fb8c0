import { readFile } from 'node:fs/promises';
import type { KafkaStreamsOptions } from './adapters/kafka/kafka-streams.ts';
import type { SqliteAdapters } from './adapters/sqlite/sqlite-adapters.ts';
import type { Clock } from './clock.ts';
import { FaasError } from './errors.ts';
import type { History } from './ports/history.ts';
import type { Registry } from './ports/registry.ts';
import type { StateStore } from './ports/state.ts';
import type { Streams } from './ports/streams.ts';
import type { Random } from './random.ts';
import type { Settings } from './settings.ts';
import { parseStreams, readKafkaPassword, type StreamsPlace } from './settings-streams.ts';
import type { Log } from './telemetry/log.ts';

export interface Stores {
  readonly streams: Streams;
  readonly state: StateStore;
  readonly registry: Registry;
  readonly history: History;
  /** Resolves when a store is gone for good; the process had better start again. */
  readonly failure: Promise<Error>;
  close(): Promise<void>;
}

export interface StoresOptions {
  readonly settings: Settings;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Which adapters the settings name. Each is loaded only where it is used. */
export async function openStores(options: StoresOptions): Promise<Stores> {
  const { settings, clock, random, log } = options;
  const place = parseStreams(settings.streams);
  const kafka = place.kind === 'kafka' ? await kafkaOptions(place, options) : undefined;
  const { openSqliteAdapters } = await import('./adapters/sqlite/sqlite-adapters.ts');
  const sqlite = await openSqliteAdapters({ folder: settings.data, clock, random, log, emits: kafka === undefined ? 'inline' : 'outbox' });
  return kafka === undefined ? sqlite : withKafka(sqlite, kafka);
}

/** Streams in Kafka, all the rest in SQLite: what a commit emits waits in its outbox. */
async function withKafka(sqlite: SqliteAdapters, options: KafkaStreamsOptions): Promise<Stores> {
  try {
    const { openKafkaStreams } = await import('./adapters/kafka/kafka-streams.ts');
    const streams = await openKafkaStreams(options);
    return {
      streams,
      state: sqlite.state,
      registry: sqlite.registry,
      history: sqlite.history,
      failure: sqlite.failure,
      async close() {
        await streams.close();
        await sqlite.close();
      },
    };
  } catch (error) {
    await sqlite.close();
    throw error;
  }
}

async function kafkaOptions(
  { seeds, tls }: Extract<StreamsPlace, { kind: 'kafka' }>,
  { settings, env, clock, log }: StoresOptions,
): Promise<KafkaStreamsOptions> {
  const mechanism = settings['kafka.sasl'];
  const sasl =
    mechanism === 'none'
      ? undefined
      : { mechanism, username: settings['kafka.username'], password: await readKafkaPassword(settings, env) };
  const sessionMs = settings['kafka.session'];
  return {
    seeds,
    tls: tls ? await tlsOptions(settings) : undefined,
    sasl,
    clientId: 'faas',
    clock,
    log,
    replication: settings['kafka.replication'],
    compression: settings['kafka.compression'],
    sessionMs,
    heartbeatMs: Math.min(heartbeatMsMax, sessionMs / 3),
  };
}

/** A partition whose owner changes waits for one sign of life of the old one. */
const heartbeatMsMax = 1_000;

async function tlsOptions(settings: Settings): Promise<{ ca?: string; cert?: string; key?: string }> {
  const [ca, cert, key] = await Promise.all([
    readPem('kafka.ca', settings['kafka.ca']),
    readPem('kafka.cert', settings['kafka.cert']),
    readPem('kafka.key', settings['kafka.key']),
  ]);
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

async function readPem(name: string, file: string): Promise<string | undefined> {
  if (file === '') return undefined;
  return readFile(file, 'utf8').catch(error => {
    throw new FaasError(
      'FAAS_SETTING_VALUE',
      `${name}: ${file} cannot be read: ${String(error.code ?? error)}`,
      'It must be a file in PEM form.',
    );
  });
}
