import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Compression } from '../../../controller/adapters/kafka/codecs.ts';
import { classPath, jvm } from './kafka-home.ts';

const run = promisify(execFile);

/** Kafka's own producer, whose codecs are those of most of the world: one record without a key per value. */
export async function produceByJava(
  bootstrap: readonly string[],
  topic: string,
  codec: Compression,
  values: readonly string[],
): Promise<void> {
  const where = ['--bootstrap-server', bootstrap.join(','), '--topic', topic, '--compression-codec', codec];
  const producing = run('java', [...jvm, '-Xmx128m', '-cp', classPath, 'org.apache.kafka.tools.ConsoleProducer', ...where]);
  producing.child.stdin?.end(values.map(value => `${value}\n`).join(''));
  await producing;
}
