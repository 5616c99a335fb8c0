import { startKafka } from '../test/services/kafka/kafka-cluster.ts';
import { kafkaMissing } from '../test/services/kafka/kafka-home.ts';

interface Service {
  readonly missing: () => string | undefined;
  /** `settings`: how the server is told of it. */
  readonly start: () => Promise<{ readonly settings: readonly string[]; stop(): Promise<void> }>;
}

const services: Readonly<Record<string, Service>> = {
  kafka: {
    missing: kafkaMissing,
    async start() {
      const kafka = await startKafka();
      return { settings: [`--streams=kafka://${kafka.bootstrap.join(',')}`], stop: kafka.stop };
    },
  },
};

/** `npm run services -- kafka`: real servers for a person, until Ctrl-C. Their data goes with them. */
async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter(name => !Object.hasOwn(services, name));
  if (names.length === 0 || unknown.length > 0) {
    process.stderr.write(`npm run services -- <name>...\nnames: ${Object.keys(services).join(', ')}\n`);
    return 2;
  }
  const chosen = names.flatMap(name => services[name] ?? []);
  const missing = chosen.flatMap(service => service.missing() ?? []);
  if (missing.length > 0) {
    process.stderr.write(`${missing.join('\n')}\n`);
    return 1;
  }
  const running = await Promise.all(chosen.map(service => service.start()));
  process.stdout.write(`npx faas up ${running.flatMap(({ settings }) => settings).join(' ')}\n(Ctrl-C ends them)\n`);
  await new Promise(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve);
  });
  await Promise.all(running.map(service => service.stop()));
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
