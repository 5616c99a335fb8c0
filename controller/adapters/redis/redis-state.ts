import type { Clock } from '../../clock.ts';
import { FaasError } from '../../errors.ts';
import type {
  AttemptRecord,
  Claimed,
  ClaimRequest,
  CommitRequest,
  CommitResult,
  KnownId,
  ParkedEvent,
  ParkedKeyAt,
  Seq,
  Source,
  SourceProgress,
  StateCapabilities,
  StateEntry,
  StateFigures,
  StateRead,
  StateStore,
} from '../../ports/state.ts';
import { claimScript } from './claim-script.ts';
import { commitArguments, commitResult } from './commit-arguments.ts';
import { commitScript } from './commit-script.ts';
import { unpackOutboxEntry } from './outbox-codec.ts';
import { parkedEventsScript, parkedKeysFrom, parkedScript, replayParkedScript } from './parked-scripts.ts';
import { attemptText, claimedFrom } from './progress-fields.ts';
import { storeError } from './redis-errors.ts';
import type { RedisLink } from './redis-link.ts';
import type { RedisLinks } from './redis-links.ts';
import { asBuffers, asBytes, asList, asNumber, asText } from './replies.ts';
import { attemptsScript, expireScript, progressScript, resetScript, trimScript } from './source-scripts.ts';
import { sourceKeys, unitKeys, unitsKey } from './state-keys.ts';

/** Ids removed per script: it holds up everybody else. */
const expireIdsMax = 500;

interface Owner {
  readonly token: string;
  readonly link: RedisLink;
  readonly epoch: number;
  /** What the next emit gets, as far as the answers to this owner told. */
  next: Seq;
}

/**
 * The state store on Redis: each step of docs/protocol.md is one script. Who claimed a source over a connection owns it over that connection alone: after
 * any loss of it (a reconnect, a failover, an answer such as READONLY) the answer is `fenced` without asking, because what was sent over the old one may
 * still arrive, and the server at the other end may be another.
 */
export class RedisState implements StateStore {
  readonly capabilities: StateCapabilities;
  readonly #links: RedisLinks;
  readonly #clock: Clock;
  /** By unit and source: one per partition that was claimed here. */
  readonly #owners = new Map<string, Owner>();

  constructor(options: { links: RedisLinks; clock: Clock }) {
    this.#links = options.links;
    this.#clock = options.clock;
    this.capabilities = { adapter: 'redis', emits: 'outbox', mayRollBack: true, keepsStrict: options.links.isStrict, commitEventsMax: 200 };
  }

  async claim(source: Source, claim: ClaimRequest): Promise<Claimed> {
    const { figures, sources } = unitKeys(source.unit);
    const { progress, done, outbox, parkedKeys, parkedOrder } = sourceKeys(source.unit, source.name);
    const directory = await this.#links.of(unitsKey);
    await directory.command('SADD', unitsKey, source.unit);
    const link = await this.#links.of(source.unit);
    const { epoch } = link;
    const { ownerToken, brokerGeneration, nowMs, committedOffset, durableOffset, others = [], topicId } = claim;
    const keys = [progress, done, outbox, sources, figures, parkedKeys, parkedOrder];
    const args = [ownerToken, brokerGeneration, nowMs, committedOffset, source.name, durableOffset ?? '', topicId ?? ''];
    for (const other of others) {
      keys.push(sourceKeys(source.unit, other.name).progress);
      args.push(other.brokerGeneration, other.durableOffset);
    }
    const [first, ...rest] = asList(await link.run(claimScript, keys, args));
    const answer = asText(first);
    if (answer === 'lost' || answer === 'rolled-back') {
      const behind = others[asNumber(rest[1] ?? 0) - 1] ?? { ...source, durableOffset };
      throw halted({ unit: source.unit, name: behind.name }, behind.durableOffset, answer, Number(asText(rest[0])));
    }
    if (epoch !== link.epoch) throw storeError(new Error('the connection was lost'), link.place);
    const generation = Number(answer);
    this.#owners.set(ownerKey(source), { token: ownerToken, link, epoch, next: { generation, counter: 1 } });
    const [fields, bits, entries, parked] = rest;
    return {
      generation,
      ...claimedFrom(asBuffers(fields), asBytes(bits ?? null)),
      outbox: asBuffers(entries).map(unpackOutboxEntry),
      parked: parkedKeysFrom(parked),
    };
  }

  async commit(source: Source, commit: CommitRequest): Promise<CommitResult> {
    const { state, versions, index, ids, answers, figures } = unitKeys(source.unit);
    const { progress, done, outbox, parkedKeys, parkedOrder, parkedEntries } = sourceKeys(source.unit, source.name);
    const parked = [parkedKeys, parkedOrder, parkedEntries];
    const keys = [progress, done, outbox, state, versions, index, ids, answers, figures, ...parked];
    const known = this.#owners.get(ownerKey(source));
    const owner = known?.token === commit.ownerToken ? known : { next: unknownSeq };
    for (;;) {
      const link = await this.#owned(source, commit.ownerToken);
      if (link === undefined) return { kind: 'fenced' };
      const args = commitArguments(commit, owner.next, this.#clock.now());
      const result = commitResult(await link.run(commitScript, keys, [args]));
      if (result.kind === 'ok' || result.kind === 'already') owner.next = after(result.firstSeq, commit);
      if (result.kind !== 'renumber') return result;
      owner.next = result.firstSeq;
    }
  }

  async recordAttempts(source: Source, ownerToken: string, attempts: readonly AttemptRecord[]): Promise<'ok' | 'fenced'> {
    const link = await this.#owned(source, ownerToken);
    if (link === undefined) return 'fenced';
    const { progress } = sourceKeys(source.unit, source.name);
    const args = attempts.flatMap(attempt => [attempt.offset, attemptText(attempt)]);
    return okOrFenced(await link.run(attemptsScript, [progress], [ownerToken, ...args]));
  }

  async trim(source: Source, ownerToken: string, upTo: Seq): Promise<'ok' | 'fenced'> {
    const link = await this.#owned(source, ownerToken);
    if (link === undefined) return 'fenced';
    const { progress, outbox } = sourceKeys(source.unit, source.name);
    return okOrFenced(await link.run(trimScript, [progress, outbox], [ownerToken, upTo.generation, upTo.counter]));
  }

  async verify(source: Source, ownerToken: string, ordinal: number): Promise<'ok' | 'fenced' | 'rollback'> {
    const link = await this.#owned(source, ownerToken);
    if (link === undefined) return 'fenced';
    await link.durable(`faas:du:{${source.unit}}`);
    const { progress } = sourceKeys(source.unit, source.name);
    const [token, last] = asList(await link.command('HMGET', progress, 'o', 'k')).map(part => asBytes(part)?.toString());
    if (token !== ownerToken) return 'fenced';
    return Number(last) >= ordinal ? 'ok' : 'rollback';
  }

  /** Versions are read before values: a commit in between makes a pair that is refused as stale, never a new version with an old value. */
  async read(unit: string, keys: readonly string[]): Promise<readonly StateRead[]> {
    if (keys.length === 0) return [];
    const link = await this.#links.of(unit);
    const stored = unitKeys(unit);
    const [versions, values] = await Promise.all([
      link.command('HMGET', stored.versions, ...keys).then(asList),
      link.command('HMGET', stored.state, ...keys).then(asList),
    ]);
    return keys.map((key, index) => {
      const version = asBytes(versions[index] ?? null);
      const value = asBytes(values[index] ?? null);
      return version === null || value === null
        ? { key, version: null, value: undefined }
        : { key, version: versionOf(version), value: new Uint8Array(value) };
    });
  }

  async known(unit: string, ids: readonly string[]): Promise<readonly KnownId[]> {
    if (ids.length === 0) return [];
    const link = await this.#links.of(unit);
    const stored = unitKeys(unit);
    const [ends, answers] = await Promise.all([
      link.command('ZMSCORE', stored.ids, ...ids).then(asList),
      link.command('HMGET', stored.answers, ...ids).then(asList),
    ]);
    const nowMs = this.#clock.now();
    return ids.flatMap((id, index) => {
      const end = asBytes(ends[index] ?? null);
      if (end === null || !(Number(end) > nowMs)) return [];
      const answer = asBytes(answers[index] ?? null);
      return [answer === null ? { id } : { id, answer: new Uint8Array(answer) }];
    });
  }

  async list(unit: string, page: { prefix?: string; after?: string; limit: number }): Promise<readonly StateEntry[]> {
    const prefix = Buffer.from(page.prefix ?? '');
    const after = page.after === undefined ? undefined : Buffer.from(page.after);
    const from = after !== undefined && Buffer.compare(after, prefix) >= 0 ? lexical('(', after) : lexical('[', prefix);
    // UTF-8 never holds 0xff: it is above every continuation of the prefix.
    const to = prefix.length === 0 ? '+' : lexical('(', Buffer.concat([prefix, Buffer.of(0xff)]));
    const link = await this.#links.of(unit);
    const keys = asBuffers(await link.command('ZRANGE', unitKeys(unit).index, from, to, 'BYLEX', 'LIMIT', 0, page.limit));
    const entries = await this.read(unit, keys.map(String));
    return entries.flatMap(({ key, value, version }) => (value === undefined || version === null ? [] : [{ key, value, version }]));
  }

  async figures(unit: string): Promise<StateFigures> {
    const link = await this.#links.of(unit);
    const { index, figures } = unitKeys(unit);
    const sources = await this.#sources(link, unit);
    const [keys, valueBytes, ...waiting] = await Promise.all([
      link.command('ZCARD', index).then(asNumber),
      link.command('HGET', figures, 'vb').then(bytes => Number(asBytes(bytes) ?? 0)),
      ...sources.map(name => link.command('LLEN', sourceKeys(unit, name).outbox).then(asNumber)),
    ]);
    return { keys, valueBytes, outboxEntries: waiting.reduce((sum, entries) => sum + entries, 0) };
  }

  async progress(unit: string): Promise<readonly SourceProgress[]> {
    const link = await this.#links.of(unit);
    const sources = await this.#sources(link, unit);
    if (sources.length === 0) return [];
    const keys = sources.flatMap(name => [sourceKeys(unit, name).progress, sourceKeys(unit, name).done]);
    const found = asList(await link.run(progressScript, keys, []));
    return sources.flatMap((source, index) => {
      const frontier = asText(found[2 * index]);
      return frontier === '' ? [] : [{ source, frontier: Number(frontier), doneAbove: asNumber(found[2 * index + 1]) }];
    });
  }

  async parked(unit: string): Promise<readonly ParkedKeyAt[]> {
    const link = await this.#links.of(unit);
    const found: ParkedKeyAt[] = [];
    for (const source of await this.#sources(link, unit)) {
      const { parkedKeys, parkedOrder } = sourceKeys(unit, source);
      for (const key of parkedKeysFrom(await link.run(parkedScript, [parkedKeys, parkedOrder], []))) found.push({ source, ...key });
    }
    return found;
  }

  async parkedEvents({ unit, name }: Source, key: string, limit: number): Promise<readonly ParkedEvent[]> {
    const link = await this.#links.of(unit);
    const { parkedOrder, parkedEntries } = sourceKeys(unit, name);
    const found = asList(await link.run(parkedEventsScript, [parkedOrder, parkedEntries], [key, limit]));
    return Array.from({ length: found.length / 2 }, (_, index) => ({
      offset: Number(asText(found[2 * index])),
      entry: new Uint8Array(asBytes(found[2 * index + 1] ?? null) ?? []),
    }));
  }

  async replayParked({ unit, name }: Source, key: string): Promise<'ok' | 'unknown'> {
    const link = await this.#links.of(unit);
    return asText(await link.run(replayParkedScript, [sourceKeys(unit, name).parkedKeys], [key])) === 'ok' ? 'ok' : 'unknown';
  }

  async resetProgress(source: Source, offset: number, ownerToken = ''): Promise<'ok' | 'fenced'> {
    const directory = await this.#links.of(unitsKey);
    await directory.command('SADD', unitsKey, source.unit);
    const link = await this.#links.of(source.unit);
    const { progress, done } = sourceKeys(source.unit, source.name);
    return okOrFenced(await link.run(resetScript, [progress, done, unitKeys(source.unit).sources], [source.name, offset, ownerToken]));
  }

  async deleteUnit(unit: string): Promise<void> {
    const link = await this.#links.of(unit);
    const ofSources = (await this.#sources(link, unit)).flatMap(name => Object.values<string>({ ...sourceKeys(unit, name) }));
    await link.command('UNLINK', ...ofSources, ...Object.values<string>({ ...unitKeys(unit) }));
    const directory = await this.#links.of(unitsKey);
    await directory.command('SREM', unitsKey, unit);
  }

  async acceptRollback(unit: string, nowMs: number): Promise<void> {
    const link = await this.#links.of(unit);
    await link.command('HSET', unitKeys(unit).figures, 'ac', nowMs);
  }

  async expire(nowMs: number, bytesMax: number): Promise<{ removed: number; boundHit: boolean }> {
    const directory = await this.#links.of(unitsKey);
    const units = new Map<string, { bytes: number; next: number }>();
    let removed = 0;
    let early = 0;
    const step = async (unit: string, bytes: number, latest: number) => {
      const link = await this.#links.of(unit);
      const { ids, answers, figures } = unitKeys(unit);
      const args = [nowMs, bytes, Math.min(latest, Number.MAX_SAFE_INTEGER), expireIdsMax];
      const [gone, before, left, next] = asList(await link.run(expireScript, [ids, answers, figures], args));
      removed += asNumber(gone);
      early += asNumber(before);
      units.set(unit, { bytes: asNumber(left), next: asText(next) === '' ? Infinity : asNumber(next) });
      return asNumber(gone);
    };
    for (const unit of asBuffers(await directory.command('SMEMBERS', unitsKey)).map(String)) {
      while ((await step(unit, 0, 0)) === expireIdsMax);
    }
    for (;;) {
      const total = [...units.values()].reduce((sum, { bytes }) => sum + bytes, 0);
      const [oldest, second] = [...units].sort(([, a], [, b]) => a.next - b.next);
      if (total <= bytesMax || oldest === undefined || oldest[1].next === Infinity) break;
      await step(oldest[0], total - bytesMax, second?.[1].next ?? Infinity);
    }
    return { removed, boundHit: early > 0 };
  }

  async close(): Promise<void> {
    this.#owners.clear();
  }

  /** Where the owner's commands go; undefined: the connection over which it became the owner is gone. */
  async #owned({ unit, name }: Source, ownerToken: string): Promise<RedisLink | undefined> {
    const owner = this.#owners.get(ownerKey({ unit, name }));
    if (owner?.token !== ownerToken) return this.#links.of(unit);
    return owner.epoch === owner.link.epoch && owner.link === (await this.#links.of(unit)) ? owner.link : undefined;
  }

  /** In the order of their names. */
  async #sources(link: RedisLink, unit: string): Promise<readonly string[]> {
    const names = asBuffers(await link.command('SMEMBERS', unitKeys(unit).sources));
    return names.sort(Buffer.compare).map(String);
  }
}

function halted(source: Source, durableOffset: number | undefined, answer: 'lost' | 'rolled-back', offset: number): FaasError {
  const where = `${source.unit}, ${source.name}`;
  const hint = `Put the newer data back, or go on with what is there: faas state accept-rollback ${source.unit}.`;
  if (answer === 'lost')
    return new FaasError('FAAS_STATE_LOST', `the state store knows nothing of ${where}, which had come to offset ${durableOffset}`, hint);
  const message = `the state store is at offset ${offset} of ${where}, which had durably come to ${durableOffset}: an older copy was put back`;
  return new FaasError('FAAS_STATE_ROLLED_BACK', message, hint);
}

/** Of an owner that did not claim here. */
const unknownSeq: Seq = { generation: 0, counter: 0 };

function after({ generation, counter }: Seq, { emits }: CommitRequest): Seq {
  return { generation, counter: counter + emits.length };
}

function okOrFenced(reply: unknown): 'ok' | 'fenced' {
  return asText(reply) === 'ok' ? 'ok' : 'fenced';
}

function ownerKey({ unit, name }: Source): string {
  return `${unit} ${name}`;
}

/** Stored as `<bytes of value>:<version>`. */
function versionOf(stored: Buffer): string {
  return stored.toString('utf8', stored.indexOf(':') + 1);
}

function lexical(border: '[' | '(', bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(border), bytes]);
}
