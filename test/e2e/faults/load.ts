import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import { partitionOf } from '../../../controller/ports/partition-of.ts';
import type { ServerProcess } from '../server-process.ts';
import type { Order, Sent } from './verdict.ts';

export interface LoadRates {
  readonly recordsPerSecond: number;
  readonly webhooksPerSecond: number;
  readonly callsPerSecond: number;
}

export interface LoadOptions extends LoadRates {
  /** Begins the names of its ids and keys, so that one server can be looked at after many loads. */
  readonly name: string;
  readonly producer: Producer;
  readonly topic: string;
  readonly partitions: number;
  /** Where requests go at the moment; the next one after a failure. */
  server(): ServerProcess;
}

/** What requests got besides success. */
export interface Refusals {
  readonly webhooks: Map<string, number>;
  readonly calls: Map<string, number>;
}

const recordKeys = 16;
const requestKeys = 4;
/** Of so many records one moves a coin to another key. */
const transferEvery = 20;
const turnMs = 50;
const requestMs = 25_000;
const againMs = 100;
const giveUpMs = 90_000;

/** Orders that keep coming until it is told to stop: records in a topic, webhooks, and calls; each until it is accepted, under an id of its own. */
export class Load implements Sent {
  readonly orders: Order[] = [];
  readonly refusals: Refusals = { webhooks: new Map(), calls: new Map() };
  readonly #options: LoadOptions;
  readonly #loops: readonly Promise<void>[];
  readonly #open = new Set<Promise<void>>();
  readonly #startedAtMs = Date.now();
  #stopping = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#loops = [
      this.#everyTurn(options.recordsPerSecond, (from, count) => this.#records(from, count)),
      this.#everyTurn(options.webhooksPerSecond, (from, count) => this.#requests('webhook', from, count)),
      this.#everyTurn(options.callsPerSecond, (from, count) => this.#requests('call', from, count)),
    ];
  }

  get name(): string {
    return this.#options.name;
  }

  /** Records are appended one after another; requests overtake each other. */
  isOrdered(key: string): boolean {
    return key.startsWith(`${this.name}/record`);
  }

  partitionOf(key: string): number | undefined {
    return this.isOrdered(key) ? partitionOf(Buffer.from(key), '', this.#options.partitions) : undefined;
  }

  /** Resolves when all that was begun is accepted. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#loops);
    await Promise.all(this.#open);
  }

  async #everyTurn(perSecond: number, send: (from: number, count: number) => Promise<void>): Promise<void> {
    for (let sent = 0; !this.#stopping && perSecond > 0; await sleep(turnMs)) {
      const due = Math.floor(((Date.now() - this.#startedAtMs) / 1_000) * perSecond);
      if (due > sent) await send(sent, due - sent);
      sent = due;
    }
  }

  async #records(from: number, count: number): Promise<void> {
    const orders = Array.from({ length: count }, (_, i) => this.#order('record', from + i, recordKeys, (from + i) % transferEvery === 0));
    const { producer, topic, partitions } = this.#options;
    const perPartition = new Map<number, { partition: number; key: string; value: string }[]>();
    for (const { id, key, to } of orders) {
      const partition = partitionOf(Buffer.from(key), id, partitions);
      const messages = perPartition.get(partition) ?? [];
      messages.push({ partition, key, value: JSON.stringify({ id, ...(to === undefined ? {} : { to }) }) });
      perPartition.set(partition, messages);
    }
    // One partition in each call: when leaders move during a call for several, this client calls some sent that were not.
    await Promise.all([...perPartition.values()].map(messages => producer.send({ topic, messages })));
    this.orders.push(...orders);
  }

  async #requests(kind: 'webhook' | 'call', from: number, count: number): Promise<void> {
    for (let index = from; index < from + count; index += 1) {
      const order = this.#order(kind, index, requestKeys, false);
      const accepted = this.#accepted(kind, order).then(() => {
        this.orders.push(order);
        this.#open.delete(accepted);
      });
      this.#open.add(accepted);
    }
  }

  #order(kind: string, index: number, keys: number, isTransfer: boolean): Order {
    const keyOf = (at: number) => `${this.name}/${kind}-${at % keys}`;
    const to = isTransfer ? { to: keyOf(index + 1 + (index % 7)) } : {};
    return { id: `${this.name}/${kind}-${index}`, key: keyOf(index), ...to, sentAtMs: Date.now() };
  }

  async #accepted(kind: 'webhook' | 'call', order: Order): Promise<void> {
    for (const untilMs = performance.now() + giveUpMs; ; await sleep(againMs)) {
      const answer = await this.#ask(kind, order).catch(error => (error instanceof Error ? error.name : String(error)));
      if (answer === undefined) return;
      const refusals = kind === 'webhook' ? this.refusals.webhooks : this.refusals.calls;
      refusals.set(answer, (refusals.get(answer) ?? 0) + 1);
      if (performance.now() > untilMs) throw new Error(`${order.id} was not accepted within ${giveUpMs} ms: ${answer}`);
    }
  }

  /** Undefined: accepted; else what came instead. */
  async #ask(kind: 'webhook' | 'call', { id, key }: Order): Promise<string | undefined> {
    const server = this.#options.server();
    const address = await server.address();
    if (address === undefined) return 'no server';
    const own = kind === 'webhook' ? { 'ce-id': id } : { 'idempotency-key': id, 'x-faas-key': key };
    const path = kind === 'webhook' ? 'hooks/bank/orders' : 'call/bank/ledger';
    const answer = await fetch(`${address.gatewayUrl}/${path}`, {
      method: 'POST',
      body: JSON.stringify({ id, key }),
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await server.token()}`, ...own },
      signal: AbortSignal.timeout(requestMs),
    });
    await answer.arrayBuffer();
    if (answer.ok) return undefined;
    return answer.headers.has('retry-after') ? `${answer.status} with Retry-After` : `${answer.status}`;
  }
}
