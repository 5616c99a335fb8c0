import { Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../telemetry/log.ts';
import { type Argument, PackedCommand } from './packed-command.ts';
import { endsOwnership, isElsewhere, replyCode, storeError } from './redis-errors.ts';
import type { Script } from './script.ts';
import { checkServer, hasWaitAof, type ServerFacts, serverFacts } from './server-check.ts';

export type RedisTarget = Omit<RedisOptions, 'replyMapping'>;

export interface LinkOptions {
  /** Where to connect: host and port, or sentinels; TLS, user, password. */
  readonly target: RedisTarget;
  /** For messages; without secrets. */
  readonly place: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly unsafe: boolean;
  /** How many replicas must have on disk what is called durable. */
  readonly replicas: number;
  /** The keys of a command are at another node of the cluster. */
  onRedirect?(): void;
}

/** A command without an answer for so long has failed; whether it took effect is not known. */
const commandTimeoutMs = 2_000;
/** A line that says nothing for so long while answers are due is given up. */
const silenceMs = 3_000;
const connectTimeoutMs = 5_000;
const reconnectMs = { min: 50, max: 1_000 };
/** An fsync each second: one that began after the first look is over at the second. */
const fsyncMs = 1_500;
const fsyncTriesMax = 8;
/** To be found, connected and asked what it is. */
const openMs = 10_000;
/** A server that was refused. */
const askAgainMs = 1_000;
/** A server in use: its settings can be changed while it runs. */
const lookAgainMs = 5_000;

/** One connection after another to one server. Whatever was claimed over one of them is void on the next: compare `epoch`. */
export class RedisLink {
  readonly place: string;
  readonly #options: LinkOptions;
  readonly #client: Redis;
  #epoch = 0;
  #facts: ServerFacts | undefined;
  #refusal: unknown;
  #closed = false;
  #durable: Promise<void> | undefined;
  #durableNext: Promise<void> | undefined;
  #onAdmitted: (() => void) | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.place = options.place;
    const safe: RedisTarget = {
      ...options.target,
      protocol: 2,
      disableClientInfo: true,
      lazyConnect: true,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      enableOfflineQueue: false,
      commandTimeout: commandTimeoutMs,
      socketTimeout: silenceMs,
      connectTimeout: connectTimeoutMs,
      retryStrategy: times => Math.min(reconnectMs.max, reconnectMs.min * 2 ** Math.min(times, 10)),
    };
    this.#client = new Redis(safe);
    this.#client.on('ready', () => void this.#admit());
    this.#client.on('close', () => this.#lose());
    this.#client.on('error', error => {
      this.#refusal ??= error;
    });
  }

  /** Changes whenever what was claimed is void. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Of the server that this connection leads to; undefined while there is none. */
  get facts(): ServerFacts | undefined {
    return this.#facts;
  }

  /** Resolves when the server can be used; rejects when it cannot be reached, refuses us, or would lose data. */
  async open(): Promise<void> {
    const admitted = new AbortController();
    this.#onAdmitted = () => admitted.abort();
    this.#client.connect().catch(error => {
      this.#refusal ??= error;
      admitted.abort();
    });
    await this.#options.clock.sleep(openMs, admitted.signal);
    if (this.#facts !== undefined) return;
    const refusal = this.#refusal ?? new Error('it could not be reached in time');
    await this.close();
    throw storeError(refusal, this.place);
  }

  /** Sent over this connection now, or not at all. */
  async command(name: string, ...args: readonly Argument[]): Promise<unknown> {
    if (this.#facts === undefined) throw storeError(this.#refusal ?? new Error('the connection is being made'), this.place);
    return this.#send(name, args);
  }

  /** A script that the server has lost (SCRIPT FLUSH, a restart, a failover) is loaded again: it has not run then. */
  async run({ lua, sha }: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const { epoch } = this;
    try {
      return await this.command('EVALSHA', sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (replyCode(causeOf(error)) !== 'NOSCRIPT') throw error;
      if (epoch !== this.epoch) throw storeError(new Error('the connection was lost'), this.place);
      return await this.command('EVAL', lua, keys.length, ...keys, ...args);
    }
  }

  /** Whether all that was acknowledged can be known to be on disk: what `durability: strict` needs. */
  get isStrict(): boolean {
    if (this.#facts === undefined || !this.#facts.appendOnly) return false;
    return hasWaitAof(this.#facts) || (this.#facts.appendFsync === 'always' && this.#options.replicas === 0);
  }

  /** Resolves when all that was acknowledged over this link before the call is on disk. Calls that come together wait together. `marker`: a key that this server may hold. */
  durable(marker: string): Promise<void> {
    if (this.#durableNext === undefined) {
      const before = this.#durable ?? Promise.resolve();
      const next = before
        .catch(() => {})
        .then(() => {
          this.#durable = next;
          this.#durableNext = undefined;
          return this.#waitForDisk(marker);
        });
      this.#durableNext = next;
    }
    return this.#durableNext;
  }

  /** On a connection of its own. Calls back for every message, and after each time that it was not connected. */
  listen(channel: string, onMessage: () => void): () => void {
    const twin = this.#twin();
    twin.on('ready', () => {
      twin.subscribe(channel).then(onMessage, () => twin.disconnect(true));
    });
    twin.on('message', onMessage);
    twin.connect().catch(() => {});
    return () => twin.disconnect();
  }

  /** Ends what is owned over this connection, and makes another one. */
  drop(): void {
    this.#lose();
    if (!this.#closed) this.#client.disconnect(true);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#lose();
    this.#client.disconnect();
  }

  /** A connection of its own to the same place, for what blocks or listens. */
  #twin(): Redis {
    const twin = this.#client.duplicate({ socketTimeout: undefined });
    twin.on('error', () => {});
    return twin;
  }

  async #send(name: string, args: readonly Argument[]): Promise<unknown> {
    try {
      return await this.#client.sendCommand(new PackedCommand(name, args));
    } catch (error) {
      if (endsOwnership(error)) this.drop();
      if (isElsewhere(error)) this.#options.onRedirect?.();
      throw storeError(error, this.place);
    }
  }

  /**
   * A server is used only after it has said that it keeps what it acknowledges: after a failover it is another one. And only as long as it says so: one that does
   * not any more ends what is owned over this connection.
   */
  async #admit(isAgain = false): Promise<void> {
    const { epoch } = this;
    try {
      const facts = await this.#ask();
      if (epoch !== this.epoch) return;
      checkServer(facts, this.place, this.#options.unsafe);
      this.#refusal = undefined;
      this.#facts = facts;
      this.#admitAgain(lookAgainMs);
    } catch (error) {
      this.#refuse(error, epoch, isAgain);
    }
    this.#onAdmitted?.();
  }

  async #ask(): Promise<ServerFacts> {
    const info = `${await this.#send('INFO', ['server'])}${await this.#send('INFO', ['memory'])}${await this.#send('INFO', ['persistence'])}`;
    const config = await this.#send('CONFIG', ['GET', 'appendfsync']).catch(() => []);
    return serverFacts(info, Array.isArray(config) && config.length === 2 ? String(config[1]) : undefined);
  }

  #refuse(error: unknown, epoch: number, isAgain: boolean): void {
    const wasAdmitted = this.#facts !== undefined;
    // The connection is another one by now, whatever was wrong with this one.
    if (epoch !== this.epoch && wasAdmitted) return;
    this.#refusal = error;
    if (!isAgain || wasAdmitted) this.#options.log.error('the state store cannot be used, asked again', { place: this.place, error });
    if (epoch !== this.epoch) return;
    if (wasAdmitted) this.#lose();
    // Somebody may mend it while the connection stays.
    this.#admitAgain(askAgainMs);
  }

  #admitAgain(afterMs: number): void {
    const { epoch } = this;
    this.#options.clock.after(afterMs, () => {
      if (!this.#closed && epoch === this.epoch) void this.#admit(true);
    });
  }

  #lose(): void {
    this.#epoch += 1;
    this.#facts = undefined;
  }

  async #waitForDisk(marker: string): Promise<void> {
    const { epoch } = this;
    const facts = this.#facts;
    if (facts === undefined) throw storeError(new Error('the connection is being made'), this.place);
    const waitsForAof = facts.appendOnly && hasWaitAof(facts);
    if (!waitsForAof && facts.appendOnly && facts.appendFsync !== 'always') await this.#waitForFsync();
    if (waitsForAof || this.#options.replicas > 0) await this.#waitForOthers(facts, marker, waitsForAof);
    if (epoch !== this.epoch) throw storeError(new Error('the connection was lost'), this.place);
  }

  /**
   * Everything before the marker is where the marker is: on disk here and at replicas (WAITAOF), or in the memory of replicas. On a connection of its own,
   * because it blocks the one that it waits on.
   */
  async #waitForOthers(facts: ServerFacts, marker: string, onDisk: boolean): Promise<void> {
    const { replicas } = this.#options;
    const twin = this.#twin();
    try {
      await twin.connect();
      const own = serverFacts(String(await twin.info('server')), undefined);
      if (own.runId !== facts.runId) throw new Error('the connections lead to different servers');
      await twin.set(marker, facts.runId);
      for (let tries = 1; tries <= fsyncTriesMax; tries += 1) {
        const answer = await (onDisk ? twin.call('WAITAOF', 1, replicas, fsyncMs) : twin.call('WAIT', replicas, fsyncMs));
        const [local, others] = Array.isArray(answer) ? answer : [1, answer];
        if (Number(local) >= 1 && Number(others) >= replicas) return;
      }
      throw new Error(`it was not on disk, or not at ${replicas} replicas, in time`);
    } catch (error) {
      throw storeError(error, this.place);
    } finally {
      twin.disconnect();
    }
  }

  /**
   * Before 7.2 nothing waits for the append-only file, but INFO tells whether an fsync is under way. With `everysec` one begins within a second while
   * there is anything to sync: when none is under way now and none after more than that second, one that began meanwhile is over.
   */
  async #waitForFsync(): Promise<void> {
    let idle = false;
    for (let tries = 0; tries < 2 * fsyncTriesMax; tries += 1) {
      const info = String(await this.command('INFO', 'persistence'));
      const isIdle = info.includes('aof_pending_bio_fsync:0') && info.includes('aof_last_write_status:ok');
      if (isIdle && idle) return;
      idle = isIdle;
      await this.#options.clock.sleep(idle ? fsyncMs : 100);
    }
    throw storeError(new Error('the append-only file was not synced in time'), this.place);
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
