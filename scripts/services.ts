import { helmProgram } from '../test/services/helm.ts';
import { startKafka } from '../test/services/kafka/kafka-cluster.ts';
import { kafkaService } from '../test/services/kafka/kafka-home.ts';
import { kubernetesService, nodePrograms } from '../test/services/kubernetes/programs.ts';
import { openTestCluster } from '../test/services/kubernetes/test-cluster.ts';
import { isOnPath, type NeededService } from '../test/services/needed-service.ts';
import { redisService, startRedis, startRedisCluster, startSentinelRedis } from '../test/services/redis.ts';

interface Startable {
  readonly needs: NeededService;
  readonly what: string;
  start(): Promise<Started>;
}

interface Started {
  /** Settings of `faas up`, by flag. */
  readonly flags: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Real servers that `npm run services -- <name>…` starts, until it is interrupted. */
const services: Readonly<Record<string, Startable>> = {
  kafka: { needs: kafkaService, what: 'one broker', start: () => startKafka().then(withStreams) },
  'kafka-3': { needs: kafkaService, what: 'three brokers', start: () => startKafka({ brokers: 3 }).then(withStreams) },
  kubernetes: {
    needs: kubernetesService,
    what: 'a cluster of one node, with our image',
    start: async () => {
      const { kubeconfig, image, hostAddress, stop } = await openTestCluster();
      process.stdout.write(`export KUBECONFIG=${kubeconfig}\n`);
      const flags = { pods: 'kubernetes', 'kubernetes-kubeconfig': kubeconfig, 'kubernetes-image': image, 'admin-host': hostAddress };
      return { flags, stop };
    },
  },
  redis: { needs: redisService, what: 'one Redis', start: () => startRedis().then(withState) },
  'redis-sentinel': { needs: redisService, what: 'primary, replica, three sentinels', start: () => startSentinelRedis().then(withState) },
  'redis-cluster': { needs: redisService, what: 'a cluster of three', start: () => startRedisCluster().then(withState) },
};

function withStreams(started: { readonly bootstrap: readonly string[]; stop(): Promise<void> }): Started {
  return { flags: { streams: `kafka://${started.bootstrap.join(',')}` }, stop: () => started.stop() };
}

function withState(started: { readonly url: string; stop(): Promise<void> }): Started {
  return { flags: { state: started.url }, stop: () => started.stop() };
}

/** What takes minutes, for a machine on which tests will need it. */
const prepared: Readonly<Record<string, () => Promise<unknown>>> = { kubernetes: nodePrograms, helm: helmProgram };

async function prepare(names: readonly string[]): Promise<void> {
  const builds = names.flatMap(name => prepared[name] ?? []);
  if (builds.length === 0 || builds.length < names.length)
    throw new Error(`say what is to be prepared: ${Object.keys(prepared).join(', ')}`);
  for (const build of builds) await build();
}

async function main(names: readonly string[]): Promise<void> {
  if (names[0] === '--prepare') return prepare(names.slice(1));
  const chosen = names.flatMap(name => services[name] ?? []);
  if (chosen.length === 0 || chosen.length < names.length) {
    const known = Object.entries(services).map(([name, { what }]) => `  ${name.padEnd(16)}${what}`);
    throw new Error(`say which: npm run services -- <name>…\n${known.join('\n')}`);
  }
  for (const { needs } of chosen) {
    const missing = needs.commands.filter(command => !isOnPath(command));
    if (missing.length > 0) throw new Error(`${missing.join(', ')} not found: ${needs.howToGet}`);
  }
  const started = await Promise.all(chosen.map(one => one.start()));
  const flags = started.flatMap(one => Object.entries(one.flags).map(([flag, value]) => `--${flag} ${value}`));
  process.stdout.write(`faas up ${flags.join(' ')}\nCtrl-C stops and removes them\n`);
  await new Promise<void>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  await Promise.all(started.map(one => one.stop()));
}

await main(process.argv.slice(2)).catch(error => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
