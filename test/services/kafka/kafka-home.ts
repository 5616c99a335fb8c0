import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { NeededService } from '../needed-service.ts';
import { publish, serviceCache } from '../service-cache.ts';

const run = promisify(execFile);
const version = '4.3.1';
const pom = 'test/services/kafka/pom.xml';
const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

/** Where the jars of this version are kept between runs. */
const home = join(serviceCache, `kafka-${version}`);

export const classPath = join(home, 'lib', '*');
/** Class data of a first start: halves the time of every later one. */
export const archive = join(home, 'kafka.jsa');

export const jvm = [
  '-XX:TieredStopAtLevel=1',
  '-XX:+UseSerialGC',
  '-XX:-UsePerfData',
  '-Xss512k',
  '-Djava.awt.headless=true',
  '-Dlog4j2.statusLoggerLevel=OFF',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
] as const;

export const kafkaService: NeededService = {
  name: 'Kafka',
  commands: existsSync(join(home, 'lib')) ? ['java', 'keytool'] : ['java', 'keytool', 'mvn'],
  howToGet: 'apt-get install openjdk-17-jre-headless maven',
};

/** Fetches the jars, once per machine. Two processes may do it at the same time: the first one to finish wins. */
export async function fetchJars(): Promise<void> {
  if (existsSync(join(home, 'lib'))) return;
  await mkdir(home, { recursive: true });
  const folder = await mkdtemp(join(home, 'fetch-'));
  const copy = ['-q', '-B', '-f', pom, `-Dkafka.version=${version}`, plugin, '-DincludeScope=runtime', `-DoutputDirectory=${folder}/lib`];
  await run('mvn', copy);
  await publish(join(folder, 'lib'), join(home, 'lib'));
  await rm(folder, { recursive: true, force: true });
}

const template = join(home, 'bootstrap.checkpoint');

/** What formatting writes for every node alike; made once with Kafka's own tool, which takes as long as a broker takes to start. */
export async function formatted(properties: string, scram: readonly string[]): Promise<Uint8Array> {
  if (scram.length === 0 && existsSync(template)) return readFile(template);
  const folder = await mkdtemp(join(home, 'format-'));
  try {
    const file = join(folder, 'server.properties');
    await writeFile(file, properties.replace(/^log\.dirs=.*$/m, `log.dirs=${folder}/data`));
    const tool = ['-Xmx128m', '-cp', classPath, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', file];
    await run('java', [...jvm, ...tool, ...scram.flatMap(user => ['--add-scram', user])]);
    const made = await readFile(join(folder, 'data', 'bootstrap.checkpoint'));
    if (scram.length === 0) {
      await writeFile(join(folder, 'made'), made);
      await publish(join(folder, 'made'), template);
    }
    return made;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Any 16 bytes in base64url. */
export const clusterId = 'ZmFhcy10ZXN0LWthZmthMA';
