import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from '../free-ports.ts';
import { publish } from '../service-cache.ts';
import { BrokerProcess } from './broker-process.ts';
import { type BrokerPlace, brokerProperties, keystorePassword, type Security, saslUsers } from './broker-properties.ts';
import { archive, clusterId, fetchJars, formatted } from './kafka-home.ts';

const run = promisify(execFile);

export interface KafkaClusterOptions {
  readonly brokers?: 1 | 3;
  readonly security?: Security;
  /** Which port clients are told to use for each broker's port: that of a proxy before it. */
  readonly advertise?: (port: number) => Promise<number>;
  readonly settings?: Readonly<Record<string, string>>;
}

/** Real brokers on free ports of loopback, in a folder of their own. */
export interface KafkaCluster {
  /** `127.0.0.1:port` of each broker as clients are told. */
  readonly bootstrap: readonly string[];
  readonly brokers: readonly BrokerProcess[];
  /** The certificate of the brokers, where there is TLS. */
  readonly certificateFile: string;
  /** Kills all that still runs. The folder, logs in it, goes too, unless a broker ended by itself. */
  stop(): Promise<void>;
}

export async function startKafka(options: KafkaClusterOptions = {}): Promise<KafkaCluster> {
  await fetchJars();
  if (!existsSync(archive)) await recordClassData();
  return start(options, { kind: 'use' });
}

async function recordClassData(): Promise<void> {
  const file = `${archive}.${process.pid}`;
  const kafka = await start({}, { kind: 'record', file });
  // The archive is written at an orderly end.
  await kafka.brokers[0]?.terminate();
  await kafka.stop();
  await publish(file, archive);
}

async function start(options: KafkaClusterOptions, classData: { kind: 'use' } | { kind: 'record'; file: string }): Promise<KafkaCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'faas-kafka-'));
  const security = options.security ?? 'none';
  const places = await placesOf(options);
  const keystore = join(folder, 'keystore.p12');
  const certificateFile = join(folder, 'certificate.pem');
  if (security.endsWith('tls')) await makeKeystore(keystore, certificateFile);
  const { plain: _, scram } = saslUsers;
  const users = security.startsWith('sasl')
    ? ['SCRAM-SHA-256', 'SCRAM-SHA-512'].map(kind => `${kind}=[name=${scram.username},password=${scram.password}]`)
    : [];
  const brokers = await Promise.all(
    places.map(async place => {
      const own = join(folder, `broker-${place.id}`);
      await mkdir(join(own, 'data'), { recursive: true });
      const properties = brokerProperties(place, places, { folder: own, security, keystore, settings: options.settings ?? {} });
      await writeFile(join(own, 'server.properties'), properties);
      await writeFile(join(own, 'data', 'bootstrap.checkpoint'), await formatted(properties, users));
      const directory = Buffer.from(`faas-broker-${place.id}`.padEnd(16).slice(0, 16)).toString('base64url');
      const meta = ['version=1', `cluster.id=${clusterId}`, `node.id=${place.id}`, `directory.id=${directory}`, ''];
      await writeFile(join(own, 'data', 'meta.properties'), meta.join('\n'));
      return new BrokerProcess(own, place.port, classData);
    }),
  );
  const stop = async () => {
    const failed = brokers.some(broker => broker.endedByItself);
    await Promise.all(brokers.map(broker => broker.kill()));
    if (failed) process.stderr.write(`a broker ended by itself; its log is in ${folder}\n`);
    else await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  try {
    await Promise.all(brokers.map(broker => broker.start()));
  } catch (error) {
    const logs = await Promise.all(brokers.map(broker => readFile(broker.logFile, 'utf8').catch(() => '')));
    await stop();
    throw new Error(`${error instanceof Error ? error.message : error}\n${logs.map(log => log.slice(-2_000)).join('\n')}`);
  }
  return { bootstrap: places.map(({ advertised }) => `127.0.0.1:${advertised}`), brokers, certificateFile, stop };
}

async function placesOf({ brokers = 1, advertise }: KafkaClusterOptions): Promise<readonly BrokerPlace[]> {
  const ports = await freePorts(brokers * 3);
  return Promise.all(
    Array.from({ length: brokers }, async (_, index) => {
      const [port = 0, innerPort = 0, controllerPort = 0] = ports.slice(index * 3);
      return { id: index + 1, port, innerPort, controllerPort, advertised: (await advertise?.(port)) ?? port };
    }),
  );
}

async function makeKeystore(keystore: string, certificateFile: string): Promise<void> {
  const store = ['-alias', 'broker', '-storetype', 'PKCS12', '-keystore', keystore, '-storepass', keystorePassword];
  const key = [
    '-keyalg',
    'EC',
    '-groupname',
    'secp256r1',
    '-validity',
    '2',
    '-dname',
    'CN=localhost',
    '-ext',
    'san=ip:127.0.0.1,dns:localhost',
  ];
  await run('keytool', ['-genkeypair', ...store, ...key]);
  await run('keytool', ['-exportcert', '-rfc', ...store, '-file', certificateFile]);
}
