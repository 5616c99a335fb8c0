import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where the first whole request in `bytes` ends; undefined: it is not all there yet. */
export type FrameEnd = (bytes: Buffer) => number | undefined;

/** Looks at one whole request. */
export type Chosen = (request: Buffer) => boolean;

export interface FaultProxyOptions {
  readonly target: { readonly host?: string; readonly port: number };
  /** How requests are told apart: `kafkaFrame`, `respFrame`. */
  readonly frameEnd: FrameEnd;
}

/**
 * A TCP proxy that does what networks do. Everything that it is told holds for the connections that are open and for those to come, until `heal`.
 * It never changes a byte: what arrives is a prefix of what was sent.
 */
export interface FaultProxy {
  readonly port: number;
  /** Client connections that are open now. */
  readonly open: number;
  /** Whole requests that came from clients so far, and how many bytes they had. */
  readonly requests: number;
  /** Each way takes this much longer. */
  latency(delayMs: number): void;
  /** Nothing passes in either direction; connections are accepted and stay open. What was sent meanwhile arrives after `heal`. */
  blackhole(): void;
  /** The servers' ends are closed and the clients are never told: their connections stay open and silent, for good. New ones pass. */
  halfOpen(): void;
  /** Both ends of all open connections get a reset. */
  reset(): void;
  /**
   * The next `times` chosen requests reach the server and their replies do not reach the client: after the server has answered, the connection is
   * reset, or stays open and silent. Replies to earlier requests may be lost with it, as on a real line.
   */
  swallowReply(chosen: Chosen, options?: { readonly times?: number; readonly afterwards?: 'reset' | 'silence' }): void;
  /** Chosen requests, and all that follow on their connections, wait for `release`; they are delivered even when the client has gone. */
  hold(chosen: Chosen): void;
  /** Resolves when all that was held has been written to the server. */
  release(): Promise<void>;
  /** How many requests wait for `release`. */
  readonly held: number;
  /** The next chosen request is cut after `bytes` of it, or the reply to it when `of` says so; then both ends are reset. */
  cut(chosen: Chosen, options: { readonly of: 'request' | 'reply'; readonly bytes: number }): void;
  /** Everything passes again. */
  heal(): void;
  /** Refuses connections until `accept`, as a server that is down does. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  close(): Promise<void>;
}

/** Kafka: four bytes of length, then that many. */
export const kafkaFrame: FrameEnd = bytes => {
  if (bytes.length < 4) return undefined;
  const end = 4 + bytes.readInt32BE(0);
  return bytes.length < end ? undefined : end;
};

/** Redis: an array of bulk strings (`*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`), or one line. */
export const respFrame: FrameEnd = bytes => {
  const line = lineAt(bytes, 0);
  if (line === undefined) return undefined;
  if (bytes[0] !== 0x2a) return line.next;
  let at = line.next;
  for (let left = Number(line.text.slice(1)); left > 0; left -= 1) {
    const length = lineAt(bytes, at);
    if (length === undefined) return undefined;
    at = length.next + Number(length.text.slice(1)) + 2;
    if (at > bytes.length) return undefined;
  }
  return at;
};

/** What cannot be looked into, as behind TLS: whatever has come is passed on. */
export const anyBytes: FrameEnd = bytes => (bytes.length === 0 ? undefined : bytes.length);

/** For `Chosen`: a request that holds this text somewhere. */
export function holds(text: string): Chosen {
  return request => request.includes(text);
}

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new LineProxy(options);
  await proxy.listen(0);
  return proxy;
}

type Fault =
  | { readonly kind: 'swallow'; readonly chosen: Chosen; left: number; readonly afterwards: 'reset' | 'silence' }
  | { readonly kind: 'hold'; readonly chosen: Chosen }
  | { readonly kind: 'cut'; readonly chosen: Chosen; readonly of: 'request' | 'reply'; readonly bytes: number; left: number };

/** What may pass on a line, and how it ends. */
class Line {
  readonly client: Socket;
  readonly server: Socket;
  /** Bytes of the client that are no whole request yet. */
  partial: Buffer = Buffer.alloc(0);
  /** Waiting for `release`, in order. */
  held: Buffer[] = [];
  /** What passes next each way; each piece waits for the one before. */
  toServer: Promise<void> = Promise.resolve();
  toClient: Promise<void> = Promise.resolve();
  /** Nothing of the server reaches the client any more; `end`: how many bytes still do, and what follows. */
  mute = false;
  replyEnd: { bytes: number; afterwards: 'reset' | 'silence' } | undefined;

  constructor(client: Socket, server: Socket) {
    this.client = client;
    this.server = server;
  }

  reset(): void {
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }
}

class LineProxy implements FaultProxy {
  port = 0;
  requests = 0;
  readonly #options: FaultProxyOptions;
  readonly #lines = new Set<Line>();
  readonly #server = createServer({ pauseOnConnect: false }, client => this.#accept(client));
  #faults: Fault[] = [];
  #latencyMs = 0;
  #passing: Promise<void> = Promise.resolve();
  #open: (() => void) | undefined;

  constructor(options: FaultProxyOptions) {
    this.#options = options;
  }

  get open(): number {
    return [...this.#lines].filter(({ client }) => !client.destroyed).length;
  }

  get held(): number {
    return [...this.#lines].reduce((sum, { held }) => sum + held.length, 0);
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(port, '127.0.0.1', () => {
        const address = this.#server.address();
        if (address !== null && typeof address === 'object') this.port = address.port;
        resolve();
      });
    });
  }

  latency(delayMs: number): void {
    this.#latencyMs = delayMs;
  }

  blackhole(): void {
    if (this.#open !== undefined) return;
    this.#passing = new Promise(resolve => {
      this.#open = resolve;
    });
  }

  halfOpen(): void {
    for (const line of this.#lines) {
      line.mute = true;
      line.server.destroy();
    }
  }

  reset(): void {
    for (const line of this.#lines) line.reset();
  }

  swallowReply(chosen: Chosen, { times = 1, afterwards = 'reset' }: { times?: number; afterwards?: 'reset' | 'silence' } = {}): void {
    this.#faults.push({ kind: 'swallow', chosen, left: times, afterwards });
  }

  hold(chosen: Chosen): void {
    this.#faults.push({ kind: 'hold', chosen });
  }

  async release(): Promise<void> {
    this.#faults = this.#faults.filter(({ kind }) => kind !== 'hold');
    const delivered = [...this.#lines].map(line => {
      for (const request of line.held.splice(0)) this.#toServer(line, request);
      return line.toServer;
    });
    await Promise.all(delivered);
  }

  cut(chosen: Chosen, { of, bytes }: { of: 'request' | 'reply'; bytes: number }): void {
    this.#faults.push({ kind: 'cut', chosen, of, bytes, left: 1 });
  }

  heal(): void {
    this.#latencyMs = 0;
    this.#faults = this.#faults.filter(({ kind }) => kind === 'hold');
    this.#open?.();
    this.#open = undefined;
  }

  refuse(): Promise<void> {
    this.reset();
    return new Promise(resolve => this.#server.close(() => resolve()));
  }

  accept(): Promise<void> {
    return this.listen(this.port);
  }

  async close(): Promise<void> {
    this.heal();
    for (const line of this.#lines) line.reset();
    if (this.#server.listening) await new Promise<void>(resolve => this.#server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    const { host = '127.0.0.1', port } = this.#options.target;
    const line = new Line(client, connect({ host, port, noDelay: true }));
    client.setNoDelay(true);
    this.#lines.add(line);
    client.on('data', bytes => this.#fromClient(line, bytes));
    line.server.on('data', bytes => this.#fromServer(line, bytes));
    for (const socket of [client, line.server]) socket.on('error', () => {});
    client.on('close', () => void this.#clientGone(line));
    line.server.on('close', () => void this.#serverGone(line));
  }

  #fromClient(line: Line, bytes: Buffer): void {
    line.partial = line.partial.length === 0 ? bytes : Buffer.concat([line.partial, bytes]);
    for (;;) {
      const end = this.#options.frameEnd(line.partial);
      if (end === undefined) return;
      const request = line.partial.subarray(0, end);
      line.partial = line.partial.subarray(end);
      this.requests += 1;
      this.#request(line, request);
    }
  }

  #request(line: Line, request: Buffer): void {
    const fault = this.#faults.find(one => (one.kind === 'hold' || one.left > 0) && one.chosen(request));
    if (line.held.length > 0 || fault?.kind === 'hold') {
      line.held.push(request);
      return;
    }
    if (fault === undefined) {
      this.#toServer(line, request);
      return;
    }
    fault.left -= 1;
    if (fault.kind === 'swallow') {
      line.replyEnd = { bytes: 0, afterwards: fault.afterwards };
      this.#toServer(line, request);
    } else if (fault.of === 'reply') {
      line.replyEnd = { bytes: fault.bytes, afterwards: 'reset' };
      this.#toServer(line, request);
    } else {
      this.#toServer(line, request.subarray(0, fault.bytes));
      line.toServer = line.toServer.then(() => line.reset());
    }
  }

  #fromServer(line: Line, bytes: Buffer): void {
    const end = line.replyEnd;
    if (line.mute) return;
    if (end === undefined) {
      this.#toClient(line, bytes);
      return;
    }
    if (end.bytes > 0) this.#toClient(line, bytes.subarray(0, end.bytes));
    end.bytes -= bytes.length;
    if (end.bytes > 0) return;
    line.mute = true;
    if (end.afterwards === 'reset') line.toClient = line.toClient.then(() => line.reset());
  }

  #toServer(line: Line, bytes: Buffer): void {
    const arrivedAtMs = performance.now();
    line.toServer = line.toServer.then(async () => {
      await this.#pass(arrivedAtMs);
      await write(line.server, bytes);
    });
  }

  #toClient(line: Line, bytes: Buffer): void {
    const arrivedAtMs = performance.now();
    line.toClient = line.toClient.then(async () => {
      await this.#pass(arrivedAtMs);
      await write(line.client, bytes);
    });
  }

  /** A line is long, not narrow: what arrives together also passes together. */
  async #pass(arrivedAtMs: number): Promise<void> {
    await this.#passing;
    const leftMs = Math.ceil(arrivedAtMs + this.#latencyMs - performance.now());
    if (leftMs > 0) await sleep(leftMs);
  }

  /** What the client sent before it went still arrives; what is held arrives later. */
  async #clientGone(line: Line): Promise<void> {
    await line.toServer;
    if (line.held.length > 0) return;
    line.server.destroy();
  }

  async #serverGone(line: Line): Promise<void> {
    await line.toClient;
    if (!line.mute) line.client.destroy();
    if (line.client.destroyed) this.#lines.delete(line);
    else line.client.once('close', () => this.#lines.delete(line));
  }
}

/** Resolves when it is written, or can never be. */
function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise(resolve => {
    if (socket.destroyed) resolve();
    else socket.write(bytes, () => resolve());
  });
}

function lineAt(bytes: Buffer, start: number): { readonly text: string; readonly next: number } | undefined {
  const end = bytes.indexOf('\r\n', start);
  return end < 0 ? undefined : { text: bytes.toString('latin1', start, end), next: end + 2 };
}
