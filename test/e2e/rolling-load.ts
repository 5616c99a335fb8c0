import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Partitioners, type Producer } from 'kafkajs';
import { plainClient } from '../services/kafka/open-kafka.ts';
import { patienceMs, type ServerProcess } from './server-process.ts';

/** A server, wherever it runs. */
export type LoadedServer = Pick<ServerProcess, 'address' | 'token' | 'cli'>;

const keysPerKind = 8;
const everyMs = 10;
/** After this time without a change something stands still. */
const stillMs = 20_000;

type Kind = 'number' | 'webhook' | 'call';

export interface LoadFigures {
  readonly sent: Readonly<Record<Kind, number>>;
  /** What a client saw that had reached a server: each is a failed call. */
  readonly failures: readonly string[];
  readonly name: string;
}

/**
 * Sends to `roll.keep` in every way for as long as it runs, as clients behind a load balancer do: a server that takes no connections is passed over for
 * the next one, and everything else that is not a success is a failure. Each event has an id of its own, and per key they are sent one after the other.
 */
export class RollingLoad {
  readonly #name: string;
  readonly #servers: readonly LoadedServer[];
  readonly #bootstrap: readonly string[];
  readonly #sent: Record<Kind, number> = { number: 0, webhook: 0, call: 0 };
  readonly #failures: string[] = [];
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #isMeasured = false;

  /** `name`: of its keys, which no other load has. */
  constructor(name: string, servers: readonly LoadedServer[], bootstrap: readonly string[]) {
    this.#name = name;
    this.#servers = servers;
    this.#bootstrap = bootstrap;
  }

  async start(): Promise<void> {
    const producer = plainClient(this.#bootstrap).producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    const lanes = Array.from({ length: keysPerKind }, (_, lane) => [this.#lane('webhook', lane), this.#lane('call', lane)]);
    this.#running = Promise.all([this.#numbers(producer).finally(() => producer.disconnect()), ...lanes.flat()]);
  }

  /** From now on it counts how late an event is: what comes before finds cold pods and a group in the making. */
  measure(): void {
    this.#isMeasured = true;
  }

  /** Accepted until now. */
  get sent(): number {
    return this.#sent.number + this.#sent.webhook + this.#sent.call;
  }

  /** What was sent until now; resolves when all of it was accepted. */
  async end(): Promise<LoadFigures> {
    this.#stop.abort();
    await this.#running;
    return { sent: { ...this.#sent }, failures: this.#failures, name: this.#name };
  }

  async #numbers(producer: Producer): Promise<void> {
    for (let at = 0; !this.#stop.signal.aborted; at += keysPerKind) {
      const messages = Array.from({ length: keysPerKind }, (_, key) => ({
        key: `${this.#name}-number-${key}`,
        value: this.#bodyOf(`${this.#name}-number-${key}`, at / keysPerKind),
      }));
      await producer.send({ topic: 'roll-numbers', messages });
      this.#sent.number += keysPerKind;
      await sleep(2 * everyMs);
    }
  }

  async #lane(kind: 'webhook' | 'call', lane: number): Promise<void> {
    const key = `${this.#name}-${kind}-${lane}`;
    for (let n = 0; !this.#stop.signal.aborted; n += 1) {
      await this.#deliver(kind, key, n, lane + n);
      this.#sent[kind] += 1;
      await sleep(everyMs * keysPerKind);
    }
  }

  async #deliver(kind: 'webhook' | 'call', key: string, n: number, turn: number): Promise<void> {
    const untilMs = performance.now() + patienceMs;
    for (let tries = 0; performance.now() < untilMs; tries += 1) {
      const server = this.#servers[(turn + tries) % this.#servers.length];
      const answer = await post(server, kind, key, n, this.#bodyOf(key, n)).catch(error => ({ failure: String(error) }));
      if (answer === 'accepted') return;
      if (answer !== 'not there') this.#failures.push(`${key} ${n}: ${answer.failure}`);
      await sleep(everyMs);
    }
    throw new Error(`${key} ${n} was never accepted`);
  }

  #bodyOf(key: string, n: number): string {
    return JSON.stringify({ id: `${key}/${n}`, key, sentAtMs: this.#isMeasured ? Date.now() : Number.MAX_SAFE_INTEGER });
  }
}

async function post(
  server: LoadedServer | undefined,
  kind: 'webhook' | 'call',
  key: string,
  n: number,
  sent: string,
): Promise<'accepted' | 'not there' | { readonly failure: string }> {
  const address = await server?.address();
  if (server === undefined || address === undefined) return 'not there';
  const id = `${key}/${n}`;
  const ofKind =
    kind === 'webhook'
      ? { path: '/hooks/roll/in', headers: { 'ce-id': id } }
      : { path: '/call/roll/keep', headers: { 'x-faas-key': key, 'idempotency-key': id, authorization: `Bearer ${await server.token()}` } };
  return new Promise(resolve => {
    const url = new URL(ofKind.path, address.gatewayUrl);
    const headers = { 'content-type': 'application/json', ...ofKind.headers };
    const sending = request(url, { method: 'POST', headers, agent: false, timeout: 30_000 }, answer => {
      let body = '';
      answer.on('data', (text: Buffer) => {
        body += text.toString();
      });
      answer.on('close', () => {
        const isDone = answer.statusCode === 200 || answer.statusCode === 202;
        resolve(isDone ? 'accepted' : { failure: `${answer.statusCode} ${body}` });
      });
    });
    sending.on('timeout', () => sending.destroy(new Error('no answer within 30 s')));
    sending.on('error', error => resolve('code' in error && error.code === 'ECONNREFUSED' ? 'not there' : { failure: String(error) }));
    sending.end(sent);
  });
}

/** Whether every key has been handled once: pods run, and the group has shared its partitions. */
export async function isUnderWay(server: LoadedServer, name: string): Promise<boolean> {
  return (await keptBy(server, name)).length === 3 * keysPerKind;
}

/** Events of a load that were handled, each as often as it was. */
export async function totalOf(server: LoadedServer, name: string): Promise<number> {
  return (await keptBy(server, name)).reduce((sum, { value }) => sum + value.ids.length, 0);
}

export interface Verdict {
  readonly wrong: readonly string[];
  readonly latestMs: number;
}

/** Compares what the function keeps with what was sent: each id once, per key in the order of sending. Waits while that changes. */
export async function verdictOf(server: LoadedServer, { sent, name }: LoadFigures): Promise<Verdict> {
  let verdict: Verdict = { wrong: ['nothing was looked at'], latestMs: 0 };
  for (let sinceMs = performance.now(); verdict.wrong.length > 0; await sleep(100)) {
    const found = await compared(server, name, sent).catch(error => ({ wrong: [String(error)], latestMs: 0 }));
    if (found.wrong.join() !== verdict.wrong.join()) sinceMs = performance.now();
    verdict = found;
    if (performance.now() > sinceMs + stillMs) return verdict;
  }
  return compared(server, name, sent);
}

async function compared(server: LoadedServer, name: string, sent: LoadFigures['sent']): Promise<Verdict> {
  return judgeKept(await keptBy(server, name), sent);
}

/** What the function keeps against what was sent: the n-th event of a key is at its n-th place, and together they are as many as were sent. */
export function judgeKept(entries: readonly Kept[], sent: LoadFigures['sent']): Verdict {
  const kept = new Map(entries.map(({ key, value }) => [key, value.ids]));
  const wrong: string[] = [];
  let total = 0;
  for (const [key, ids] of kept) {
    const first = ids.findIndex((id, n) => id !== `${key}/${n}`);
    if (first >= 0) wrong.push(`${key}: at ${first} comes ${ids[first]}`);
    total += ids.length;
  }
  const wanted = sent.number + sent.webhook + sent.call;
  if (total !== wanted) wrong.push(`${total} handled of ${wanted} sent`);
  return { wrong, latestMs: Math.max(0, ...entries.map(({ value }) => value.latestMs)) };
}

export interface Kept {
  readonly key: string;
  readonly value: { readonly ids: readonly string[]; readonly latestMs: number };
}

async function keptBy(server: LoadedServer, name: string): Promise<readonly Kept[]> {
  const { code, output } = await server.cli(['state', 'list', 'roll.keep', '--prefix', `${name}-`, '--limit', '0', '--output', 'json']);
  if (code !== 0) throw new Error(output);
  const { entries }: { entries: readonly Kept[] } = JSON.parse(output);
  return entries;
}
