import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import Broker from 'kafkajs/src/broker/index.js';
import loggers from 'kafkajs/src/loggers/index.js';
import Connection from 'kafkajs/src/network/connection.js';
import ConnectionPool from 'kafkajs/src/network/connectionPool.js';
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import Encoder from 'kafkajs/src/protocol/encoder.js';
import { FaasError } from '../../errors.ts';
import type { ConnectionOptions, HostPort } from './connection-options.ts';
import { isConnectionError, named, silentBroker } from './kafka-error.ts';
import { wholeFrames } from './whole-frames.ts';

/** Where the nodes of the cluster are, as the last metadata said; shared by all who connect. */
export type NodeAddresses = Map<number, HostPort>;

const connectMs = 3_000;
/** Until a node may be asked: connected, its versions known, let in. kafkajs itself waits for ever for who takes a connection and says nothing. */
const helloMs = 5_000;
const keepAliveMs = 30_000;
/** Fetch 11, Produce 7 and Metadata 5 are spoken by Kafka 2.3 and all that came after it. */
const needed: readonly (readonly [api: string, apiKey: number, version: number])[] = [
  ['Produce', 0, 7],
  ['Fetch', 1, 11],
  ['Metadata', 3, 5],
];

quietRequestQueues();
forgetEmptyRests();
growUncleared();

interface Connected {
  readonly broker: Broker;
  readonly sockets: Set<Socket>;
  readonly at: HostPort;
  /** Why it is of no use any more. */
  dropped: unknown;
}

/**
 * Connections to the nodes of one cluster. A node that answers nothing in time is cut off, so that the next request finds a new connection or another node.
 */
export class Brokers {
  readonly #options: ConnectionOptions;
  readonly #addresses: NodeAddresses;
  readonly #connected = new Map<string, Connected>();
  readonly #logger: object;
  #seed = 0;
  #closed = false;

  constructor(options: ConnectionOptions, addresses: NodeAddresses) {
    this.#options = options;
    this.#addresses = addresses;
    const { log } = options;
    this.#logger = loggers.createLogger({
      level: 2,
      logCreator: () => entry => log.debug('kafkajs', { said: entry.log.message, level: entry.label, broker: entry.log.broker }),
    });
  }

  /** Asks a node, or whichever answers first. Throws what kafkajs throws. */
  async ask<Answer>(node: number | 'any', timeoutMs: number, question: (broker: Broker) => Promise<Answer>): Promise<Answer> {
    if (node !== 'any') return this.#ask(this.#addressOf(node), timeoutMs, question);
    const tried = [...this.#addresses.values(), ...this.#seedsInTurn()];
    // A seed that is among the addresses is asked again when its connection was broken, and not when it said nothing.
    const silent = new Set<string>();
    let last: unknown;
    for (const at of tried) {
      if (silent.has(keyOf(at))) continue;
      try {
        return await this.#ask(at, timeoutMs, question);
      } catch (error) {
        if (!isConnectionError(error)) throw error;
        if (isNamed(error, silentBroker)) silent.add(keyOf(at));
        last = error;
      }
    }
    throw last;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const connected of [...this.#connected.values()]) this.#drop(connected, closed());
  }

  async #ask<Answer>(at: HostPort, timeoutMs: number, question: (broker: Broker) => Promise<Answer>): Promise<Answer> {
    const connected = this.#connection(at);
    let bytesBefore = 0;
    try {
      await this.#within(helloMs, connected.broker.connect(), silentBroker);
      requireVersions(connected.broker);
      bytesBefore = bytesRead(connected);
      return await this.#within(timeoutMs, question(connected.broker));
    } catch (error) {
      // Others have given it up, for a reason that says more.
      if (connected.dropped !== undefined) throw connected.dropped;
      // Who answers others is only slow: all that they have asked would fail as well, and be asked again.
      const isSlow = isNamed(error, timeoutName) && bytesRead(connected) > bytesBefore;
      if (!isSlow && (isConnectionError(error) || isSaslError(error))) this.#drop(connected, error);
      throw error;
    }
  }

  #addressOf(node: number): HostPort {
    const at = this.#addresses.get(node);
    if (at !== undefined) return at;
    throw named('KafkaJSBrokerNotFound', `node ${node} is not part of the cluster`);
  }

  #seedsInTurn(): readonly HostPort[] {
    const { seeds } = this.#options;
    this.#seed += 1;
    return seeds.map((_, index) => seeds[(index + this.#seed) % seeds.length]).filter(seed => seed !== undefined);
  }

  #connection(at: HostPort): Connected {
    if (this.#closed) throw closed();
    const key = keyOf(at);
    const found = this.#connected.get(key);
    if (found !== undefined) return found;
    const { tls, sasl, clientId } = this.#options;
    const sockets = new Set<Socket>();
    const connectionPool = new ConnectionPool({
      ...at,
      ssl: tls ?? null,
      sasl: sasl ?? null,
      clientId,
      socketFactory: to => {
        // Who waited for it while it was being made would make another one, which nobody closes.
        if (connected.dropped !== undefined) throw new Error('cut off by us');
        return openSocket(to, sockets);
      },
      connectionTimeout: connectMs,
      // Ours cut the connection as well, and cost no timer per connection that is idle.
      requestTimeout: connectMs,
      enforceRequestTimeout: false,
      logger: this.#logger,
    });
    const broker = new Broker({ connectionPool, logger: this.#logger, allowAutoTopicCreation: false, authenticationTimeout: connectMs });
    const connected: Connected = { broker, sockets, at, dropped: undefined };
    this.#connected.set(key, connected);
    return connected;
  }

  /** All requests on its connections fail. */
  #drop(connected: Connected, why: unknown): void {
    const key = keyOf(connected.at);
    if (this.#connected.get(key) === connected) this.#connected.delete(key);
    connected.dropped = why;
    for (const socket of connected.sockets) socket.destroy(new Error('cut off by us'));
  }

  async #within<Answer>(timeoutMs: number, work: Promise<Answer>, otherwise = timeoutName): Promise<Answer> {
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = this.#options.clock.after(timeoutMs, () => reject(named(otherwise, `no answer within ${timeoutMs} ms`)));
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      cancel();
    }
  }
}

function keyOf({ host, port }: HostPort): string {
  return `${host}:${port}`;
}

function bytesRead({ sockets }: Connected): number {
  return [...sockets].reduce((sum, socket) => sum + socket.bytesRead, 0);
}

function closed(): FaasError {
  return new FaasError('FAAS_STORE_CLOSED', 'the streams are closed', 'The server is stopping.');
}

const timeoutName = 'KafkaJSRequestTimeoutError';

function isSaslError(error: unknown): boolean {
  return isNamed(error, 'KafkaJSSASLAuthenticationError');
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}

function openSocket(to: Parameters<ConstructorParameters<typeof ConnectionPool>[0]['socketFactory']>[0], sockets: Set<Socket>): Socket {
  const { host, port, ssl, onConnect } = to;
  const socket: Socket =
    ssl === null
      ? connect({ host, port, onread: wholeFrames(frame => socket.emit('data', frame)) }, onConnect)
      : connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, keepAliveMs);
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
  return socket;
}

/** The highest version of a request that the broker understands, once it is connected; by the request's key in the protocol. */
export function versionMax({ versions }: Pick<Broker, 'versions'>, apiKey: number): number {
  return versions?.[apiKey]?.maxVersion ?? 0;
}

function requireVersions({ versions, connectionPool }: Broker): void {
  for (const [api, key, version] of needed) {
    const { minVersion = 0, maxVersion = -1 } = versions?.[key] ?? {};
    if (version >= minVersion && version <= maxVersion) continue;
    const broker = `${connectionPool.host}:${connectionPool.port}`;
    throw new FaasError(
      'FAAS_KAFKA_VERSION',
      `broker ${broker} speaks ${api} ${minVersion} to ${maxVersion}, and version ${version} is needed`,
      'Use Kafka 2.3 or newer.',
    );
  }
}

/** kafkajs looks for waiting requests of each connection every millisecond, for ever; only those that wait need it. */
function quietRequestQueues(): void {
  const schedule = RequestQueue.prototype.scheduleCheckPendingRequests;
  RequestQueue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this);
  };
}

/** kafkajs copies a request twice on its way, into memory of the next power of two that it clears: all that is sent of it is written, and the rest is not. */
function growUncleared(): void {
  Encoder.prototype.ensureAvailable = function (this: Encoder, bytes: number) {
    const wanted = this.offset + bytes;
    if (wanted <= this.buf.length) return;
    const larger = Buffer.allocUnsafe(Math.max(wanted, 2 * this.buf.length));
    this.buf.copy(larger, 0, 0, this.offset);
    this.buf = larger;
  };
}

/** kafkajs keeps what came after an answer, nothing as a rule, and copies the next answer to put the two together. */
function forgetEmptyRests(): void {
  const process = Connection.prototype.processData;
  Connection.prototype.processData = function (this: Connection, bytes: Buffer) {
    if (this.bytesBuffered === 0) this.chunks = [];
    process.call(this, bytes);
  };
}
