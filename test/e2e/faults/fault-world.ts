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
import { type Account, type Found, judge, lineOf, type Order, type Sent, type Verdict } from './verdict.ts';
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

/** Orders that were sent, or are being sent, under names of their own. */
export interface Sending extends Sent {
  /** Begins their ids and keys. */
  readonly name: string;
  /** Resolves when all that was begun is accepted. */
  stop(): Promise<void>;
}

export interface BacklogOptions {
  readonly count: number;
  /** Over so many keys in turns. */
  readonly keys: number;
  /** All of them there; undefined: where their keys say. */
  readonly partition?: number;
  /** False: what becomes a dead letter and is sent back comes after newer ones of its key. */
  readonly isOrdered?: boolean;
  /** What the order at that place has besides its id. */
  readonly more?: (at: number) => Readonly<Record<string, string>>;
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
  /** Dead letters that an earlier verdict has named. */
  #lettersJudged = 0;

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

  /** Another server on the same stores for as long as the work takes. */
  async withAnother<Result>(env: Readonly<Record<string, string>>, work: (another: ServerProcess) => Promise<Result>): Promise<Result> {
    const another = await ServerProcess.create();
    try {
      await another.start({ ...this.environment, ...env });
      return await work(another);
    } finally {
      await another.dispose();
    }
  }

  /** Ids of the members of the ledger's group, in order. */
  async members(): Promise<readonly string[]> {
    const { groups } = await this.admin.describeGroups(['faas.bank.ledger']);
    return (groups[0]?.members ?? []).map(({ memberId }) => memberId).sort();
  }

  get environment(): Readonly<Record<string, string>> {
    return {
      FAAS_STREAMS: `kafka://${this.kafka.bootstrap.join(',')}`,
      FAAS_STATE: `redis://127.0.0.1:${this.redisProxy.port}`,
      FAAS_KAFKA_SESSION: `${sessionMs}ms`,
      ...this.#options.env,
    };
  }

  async deploy(env: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.mustRun(['deploy', '-f', 'test/data/e2e-faults/faas.yaml'], { DURABILITY: this.#options.durability ?? 'default', ...env });
  }

  /** What the command prints. */
  async mustRun(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const { code, output } = await this.server.cli(command, env);
    if (code !== 0) throw new Error(`faas ${command.join(' ')}: ${output}\n${this.server.output}`);
    return output;
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

  /** Resolves when the broker was told of one partition of the ledger that something is durable. */
  async oneToldToBroker(): Promise<void> {
    await eventually(async () => {
      const [told] = await this.admin.fetchOffsets({ groupId: 'faas.bank.ledger', topics: [topic] });
      return told?.partitions.some(({ metadata }) => metadata?.split(' ').includes('durable')) === true;
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

  /** One record that is of no load; `restMs`: its handling takes so long. */
  async order(order: { readonly id: string; readonly key: string; readonly restMs: number }): Promise<void> {
    await this.#producer.send({ topic, messages: [{ key: order.key, value: JSON.stringify(order) }] });
  }

  /** What the ledger has of a key `<name>/<rest>`. */
  async logOf(key: string): Promise<Account['log']> {
    return (await this.#state<Account>('ledger', key.slice(0, key.indexOf('/')))).get(key)?.log ?? [];
  }

  /** So many records at once. */
  async backlog({ count, keys, partition, isOrdered = true, more = () => ({}) }: BacklogOptions): Promise<Sending> {
    this.#loads += 1;
    const name = `load-${this.#loads}`;
    const keyOf = (at: number) => `${name}/k${at % keys}`;
    const orders = Array.from({ length: count }, (_, at): Order => ({ id: `${name}/${at}`, key: keyOf(at), sentAtMs: Date.now() }));
    const place = partition === undefined ? {} : { partition };
    const messages = orders.map(({ id, key }, at) => ({ ...place, key, value: JSON.stringify({ id, ...more(at) }) }));
    for (let from = 0; from < count; from += 1_000) await this.#producer.send({ topic, messages: messages.slice(from, from + 1_000) });
    return { name, orders, isOrdered: () => isOrdered, partitionOf: () => undefined, stop: async () => {} };
  }

  /** Of the ledger, since the last verdict: those that were not sent back, and all. */
  async letters(): Promise<{ readonly open: number; readonly all: number }> {
    const path = `/functions/bank/ledger/dead-letters?limit=1000&where=${encodeURIComponent('state=open')}`;
    const { deadLetters, total } = await this.ask<{ deadLetters: unknown[]; total: number }>(path);
    return { open: deadLetters.length, all: total - this.#lettersJudged };
  }

  /** Of the ledger. */
  async readyPods(): Promise<number> {
    return (await this.ask<{ pods: { ready: number } }>('/functions/bank/ledger')).pods.ready;
  }

  /** Processes of the pods of the ledger that take events. */
  async ledgerPods(): Promise<readonly number[]> {
    const { running } = await this.ask<{ running: { pid: number; state: string }[] }>('/functions/bank/ledger');
    return running.filter(({ state }) => state === 'ready').map(({ pid }) => pid);
  }

  /** Pods of the ledger that ended by themselves since the server was started, as it has counted them. */
  async crashes(): Promise<number> {
    const exits = await this.server.samples('faas_pod_exits_total');
    const own = exits.filter(({ labels }) => labels.includes('unit="bank.ledger"') && !labels.includes('reason="stopped"'));
    return own.reduce((sum, { value }) => sum + value, 0);
  }

  /** Conditions of the ledger that hold, by type. */
  async conditions(): Promise<ReadonlyMap<string, string>> {
    const { conditions } = await this.ask<{ conditions: { type: string; status: boolean; message: string }[] }>('/functions/bank/ledger');
    return new Map(conditions.filter(({ status }) => status).map(({ type, message }) => [type, message]));
  }

  /** Stops the load, waits while things come nearer to right, and says what is there in the end. */
  async verdict(title: string | undefined, load: Sending): Promise<Verdict> {
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
    this.#lettersJudged += verdict.deadLetters;
    if (title !== undefined) process.stdout.write(`${title}: ${lineOf(verdict)}\n`);
    return verdict;
  }

  async #look(load: Sending): Promise<Verdict> {
    return judge(load, await this.found(load));
  }

  /** What is there of a load now. */
  async found({ name: prefix }: Sending): Promise<Found> {
    const [ledger, mirror] = await Promise.all([this.#state<Account>('ledger', prefix), this.#state<{ log: string[] }>('mirror', prefix)]);
    const letters = await Promise.all(
      ['ledger', 'mirror'].map(name => this.ask<{ total: number }>(`/functions/bank/${name}/dead-letters?limit=1`)),
    );
    return {
      ledger,
      mirror: new Map([...mirror].map(([key, { log }]) => [key, log])),
      visible: this.#watcher?.visible,
      deadLetters: letters.reduce((sum, { total }) => sum + total, 0) - this.#lettersJudged,
    };
  }

  async #state<Value>(name: string, prefix: string): Promise<ReadonlyMap<string, Value>> {
    const { entries } = await this.ask<{ entries: { key: string; value: Value }[] }>(
      `/functions/bank/${name}/state?limit=1000&prefix=${encodeURIComponent(`${prefix}/`)}`,
    );
    return new Map(entries.map(({ key, value }) => [key, value]));
  }

  ask<Answer>(path: string): Promise<Answer> {
    return this.server.ask<Answer>(path);
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
