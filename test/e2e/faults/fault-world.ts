import { setTimeout as sleep } from 'node:timers/promises';
import { type Admin, type Kafka, Partitioners, type Producer } from 'kafkajs';
import { commitScript } from '../../../controller/adapters/redis/commit-script.ts';
import { type Chosen, type FaultProxy, kafkaFrame, respFrame, startFaultProxy } from '../../services/fault-proxy.ts';
import type { BrokerProcess } from '../../services/kafka/broker-process.ts';
import { type KafkaCluster, startKafka } from '../../services/kafka/kafka-cluster.ts';
import { plainClient } from '../../services/kafka/open-kafka.ts';
import { type RedisServer, startRedis } from '../../services/redis.ts';
import { ServerProcess } from '../server-process.ts';
import { eventually } from '../shop-run.ts';
import { Load, type LoadRates } from './load.ts';
import { type Account, type Found, judge, lineOf, type Verdict } from './verdict.ts';
import { Watcher } from './watcher.ts';

export interface WorldOptions {
  readonly brokers?: 1 | 3;
  readonly redis?: Readonly<Record<string, string>>;
  readonly durability?: 'default' | 'strict';
  /** Besides what every server of the world gets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Starts what else is needed, on the same brokers and store; answers the one that takes webhooks and calls. */
  readonly others?: (env: Readonly<Record<string, string>>) => Promise<ServerProcess>;
}

export const sessionMs = 2_000;
const topic = 'bank-orders';
const partitions = 4;
/** Where nothing has come nearer to right for so long, something stands still. */
const stillMs = 25_000;
const afterwardsMs = 300;
const stillnessMs = 2_000;

/** Real brokers, a real Redis, a proxy before each, a real server with the bank on it, and a plain reader of what the bank emits. */
export class FaultWorld {
  readonly kafka: KafkaCluster;
  readonly kafkaProxies: readonly FaultProxy[];
  readonly redis: RedisServer;
  readonly redisProxy: FaultProxy;
  server: ServerProcess;
  readonly client: Kafka;
  readonly admin: Admin;
  readonly #producer: Producer;
  readonly #options: WorldOptions;
  /** Takes webhooks and calls; undefined: the server does. */
  gateway: ServerProcess | undefined;
  #watcher: Watcher | undefined;
  #loads = 0;

  private constructor(
    kafka: KafkaCluster,
    kafkaProxies: readonly FaultProxy[],
    redis: RedisServer,
    redisProxy: FaultProxy,
    server: ServerProcess,
    options: WorldOptions,
  ) {
    this.kafka = kafka;
    this.kafkaProxies = kafkaProxies;
    this.redis = redis;
    this.redisProxy = redisProxy;
    this.server = server;
    this.#options = options;
    // Not through the proxies: what they break is between the server and its brokers.
    this.client = plainClient(kafka.brokers.map(({ port }) => `127.0.0.1:${port}`));
    this.admin = this.client.admin();
    this.#producer = this.client.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: { retries: 50, initialRetryTime: 50, maxRetryTime: 1_000 },
    });
  }

  static async create(options: WorldOptions = {}): Promise<FaultWorld> {
    const kafkaProxies: FaultProxy[] = [];
    const kafka = await startKafka({
      brokers: options.brokers ?? 1,
      async advertise(port) {
        const proxy = await startFaultProxy({ target: { port }, frameEnd: kafkaFrame });
        kafkaProxies.push(proxy);
        return proxy.port;
      },
    });
    const redis = await startRedis(options.redis);
    const redisProxy = await startFaultProxy({ target: { port: redis.port }, frameEnd: respFrame });
    const world = new FaultWorld(kafka, kafkaProxies, redis, redisProxy, await ServerProcess.create(), options);
    try {
      await world.#open();
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  async #open(): Promise<void> {
    await this.admin.connect();
    await this.#producer.connect();
    await this.startServer();
    this.gateway = await this.#options.others?.(this.environment);
    await this.deploy();
    this.#watcher = await Watcher.start(this.client, 'bank.int.entries');
    await this.verdict(undefined, this.load());
  }

  async startServer(env: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.server.start({ ...this.environment, ...env });
  }

  get environment(): Readonly<Record<string, string>> {
    return {
      FAAS_STREAMS: `kafka://${this.kafka.bootstrap.join(',')}`,
      FAAS_STATE: `redis://127.0.0.1:${this.redisProxy.port}`,
      FAAS_KAFKA_SESSION: `${sessionMs}ms`,
      ...this.#options.env,
    };
  }

  async deploy(): Promise<void> {
    await this.mustRun(['deploy', '-f', 'test/data/e2e-faults/faas.yaml'], { DURABILITY: this.#options.durability ?? 'default' });
  }

  async mustRun(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
    const { code, output } = await this.server.cli(command, env);
    if (code !== 0) throw new Error(`faas ${command.join(' ')}: ${output}\n${this.server.output}`);
  }

  /** The broker that leads the partition in which the group's offsets are. */
  async coordinatorOf(group: string): Promise<BrokerProcess> {
    const { topics } = await this.admin.fetchTopicMetadata({ topics: ['__consumer_offsets'] });
    const partitions = topics[0]?.partitions ?? [];
    // Java's hash of a text, as brokers use it.
    const hash = [...group].reduce((sum, letter) => (Math.imul(31, sum) + letter.charCodeAt(0)) | 0, 0);
    const leader = partitions.find(({ partitionId }) => partitionId === Math.abs(hash) % partitions.length)?.leader;
    const broker = this.kafka.brokers[(leader ?? 0) - 1];
    if (broker === undefined) throw new Error('the group has no coordinator');
    return broker;
  }

  /** Resolves when everything that is in the topics now is durable, as far as the broker was told. */
  async allToldToBroker(): Promise<void> {
    const reads = [
      ['faas.bank.ledger', topic],
      ['faas.bank.ledger', 'faas.bank.ledger.inbox'],
      ['faas.bank.mirror', 'bank.int.entries'],
    ] as const;
    const ends = await Promise.all(reads.map(([, read]) => this.admin.fetchTopicOffsets(read)));
    await eventually(async () => {
      for (const [index, [groupId, read]] of reads.entries()) {
        const [told] = await this.admin.fetchOffsets({ groupId, topics: [read] });
        const offsets = new Map(told?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
        if (ends[index]?.some(({ partition, high }) => (offsets.get(partition) ?? 0) < Number(high))) return false;
      }
      return true;
    });
  }

  /** The log names the reason, and for two seconds nothing is handled although orders come. */
  async standsStill(load: Load, reason: string): Promise<void> {
    await eventually(async () => this.server.output.includes(reason));
    const handled = async () => {
      const { ledger } = await this.found(load);
      return [...ledger.values()].reduce((sum, { log }) => sum + log.length, 0);
    };
    const before = await handled();
    await sleep(stillnessMs);
    const after = await handled();
    process.stdout.write(`${reason}: handled ${after - before} in ${stillnessMs} ms\n`);
    if (after !== before) throw new Error(`${after - before} orders were handled on a store that had said ${reason}`);
  }

  /** Orders from now on until the load is stopped. */
  load(rates: Partial<LoadRates> = {}): Load {
    this.#loads += 1;
    const usual = { recordsPerSecond: 200, webhooksPerSecond: 10, callsPerSecond: 10 };
    return new Load({
      ...usual,
      ...rates,
      name: `load-${this.#loads}`,
      topic,
      partitions,
      producer: this.#producer,
      server: () => this.gateway ?? this.server,
    });
  }

  /** Stops the load, waits while things come nearer to right, and says what is there in the end. */
  async verdict(title: string | undefined, load: Load): Promise<Verdict> {
    await load.stop();
    let verdict: Verdict | undefined;
    let last = 'nothing could be looked at';
    for (let sinceMs = performance.now(); performance.now() < sinceMs + stillMs; await sleep(50)) {
      const before = last;
      verdict = await this.#look(load).catch(error => {
        last = String(error);
        return undefined;
      });
      if (verdict !== undefined) last = lineOf(verdict);
      if (last !== before) sinceMs = performance.now();
      if (verdict !== undefined && isDrained(verdict)) break;
    }
    // Nothing may come after that.
    await sleep(afterwardsMs);
    verdict = await this.#look(load);
    if (title !== undefined) process.stdout.write(`${title}: ${lineOf(verdict)}\n`);
    return verdict;
  }

  async #look(load: Load): Promise<Verdict> {
    return judge(load, await this.found(load));
  }

  /** What is there of a load now. */
  async found({ name: prefix }: Load): Promise<Found> {
    const [ledger, mirror] = await Promise.all([this.#state<Account>('ledger', prefix), this.#state<{ log: string[] }>('mirror', prefix)]);
    const letters = await Promise.all(
      ['ledger', 'mirror'].map(name => this.ask<{ total: number }>(`/functions/bank/${name}/dead-letters?limit=1`)),
    );
    return {
      ledger,
      mirror: new Map([...mirror].map(([key, { log }]) => [key, log])),
      visible: this.#watcher?.visible,
      deadLetters: letters.reduce((sum, { total }) => sum + total, 0),
    };
  }

  async #state<Value>(name: string, prefix: string): Promise<ReadonlyMap<string, Value>> {
    const { entries } = await this.ask<{ entries: { key: string; value: Value }[] }>(
      `/functions/bank/${name}/state?limit=1000&prefix=${encodeURIComponent(`${prefix}/`)}`,
    );
    return new Map(entries.map(({ key, value }) => [key, value]));
  }

  /** A GET of the admin API. */
  async ask<Answer>(path: string): Promise<Answer> {
    const address = await this.server.address();
    if (address === undefined) throw new Error('no server');
    const headers = { authorization: `Bearer ${await this.server.token()}` };
    const answer = await fetch(`${address.adminUrl}/v1${path}`, { headers, signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(`${path} got ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as Answer;
  }

  async stop(): Promise<void> {
    await this.#watcher?.stop().catch(() => undefined);
    await this.#producer.disconnect().catch(() => undefined);
    await this.admin.disconnect().catch(() => undefined);
    await this.server.dispose();
    await Promise.all([this.redisProxy, ...this.kafkaProxies].map(proxy => proxy.close()));
    await this.redis.stop();
    await this.kafka.stop();
  }
}

/** Chooses, for a proxy, commits: each with this probability. */
export function commits(probability = 1): Chosen {
  return request => request.includes(commitScript.sha) && Math.random() < probability;
}

/** Chooses, for a proxy before a broker, requests that append. */
export const produces: Chosen = request => request.readInt16BE(4) === 0;

/** The first one that is chosen, and no other. */
export function once(chosen: Chosen): Chosen {
  let isOver = false;
  return request => {
    if (isOver || !chosen(request)) return false;
    isOver = true;
    return true;
  };
}

function isDrained({ lost, emitsLost }: Verdict): boolean {
  return lost === 0 && emitsLost === 0;
}
