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
  redis: { needs: redisService, what: 'one Redis', start: () => startRedis().then(withState) },
  'redis-sentinel': { needs: redisService, what: 'primary, replica, three sentinels', start: () => startSentinelRedis().then(withState) },
  'redis-cluster': { needs: redisService, what: 'a cluster of three', start: () => startRedisCluster().then(withState) },
};

function withState(started: { readonly url: string; stop(): Promise<void> }): Started {
  return { flags: { state: started.url }, stop: () => started.stop() };
}

async function main(names: readonly string[]): Promise<void> {
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
