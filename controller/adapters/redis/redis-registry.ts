import { createHash } from 'node:crypto';
import { FaasError } from '../../errors.ts';
import type { ContextSpec } from '../../manifest/spec.ts';
import type {
  Bundle,
  Condition,
  ContextRecord,
  FunctionRecord,
  Leader,
  NewRevision,
  Registry,
  RevisionRecord,
} from '../../ports/registry.ts';
import type { Random } from '../../random.ts';
import type { RedisLink } from './redis-link.ts';
import type { RedisLinks } from './redis-links.ts';
import { changeScript, leadScript, resignScript } from './registry-scripts.ts';
import {
  activated,
  changedBy,
  functionRecords,
  pruned,
  type RegistryChange,
  type StoredRegistry,
  type StoredUnit,
  withHold,
  withoutFunctions,
  withRevisions,
} from './registry-units.ts';
import { asBuffers, asBytes, asList, asNumber } from './replies.ts';

const tag = 'registry';
const registryKey = 'faas:{registry}';
const bundlesKey = 'faas:{registry}:bundles';
const bundleKey = (hash: string) => `faas:{registry}:bundle:${hash}`;
const conditionsKey = (unit: string) => `faas:{registry}:conditions:${unit}`;
const leaseKey = (name: string) => `faas:{registry}:lease:${name}`;
/** Changes by others in the middle of one's own: each time, one of them got through. */
const changeTriesMax = 50;

/**
 * The registry in one hash of JSON records. A change reads it, decides, and writes what it changes if nobody else changed it meanwhile. Every change is published;
 * whoever was not connected reads again afterwards. What was read is kept for as long as its version is that of the store, which no two states ever share: not those on
 * both sides of a rollback either. Conditions are a hash per function beside it: with hundreds of functions there are always some that change, and nobody has to read again for
 * those.
 */
export class RedisRegistry implements Registry {
  readonly #links: RedisLinks;
  readonly #random: Random;
  readonly #watchers = new Set<() => void>();
  readonly #stopListening: () => void;
  #known: VersionedRegistry | undefined;
  /** Of all contexts: made once of what is known, and asked for several times a second. */
  #records: { readonly of: VersionedRegistry; readonly all: readonly FunctionRecord[] } | undefined;
  #reading: Promise<VersionedRegistry> | undefined;

  constructor(links: RedisLinks, random: Random) {
    this.#links = links;
    this.#random = random;
    this.#stopListening = links.listen(registryKey, () => this.#changed());
  }

  async contexts(): Promise<readonly ContextRecord[]> {
    const { contexts } = await this.#read();
    return [...contexts.values()].sort((a, b) => (a.spec.context < b.spec.context ? -1 : 1));
  }

  async context(name: string): Promise<ContextRecord | undefined> {
    return (await this.#read()).contexts.get(name);
  }

  async functions(context?: string): Promise<readonly FunctionRecord[]> {
    const stored = await this.#read();
    if (context !== undefined) return functionRecords(stored, context);
    if (this.#records?.of !== stored) this.#records = { of: stored, all: functionRecords(stored, undefined) };
    return this.#records.all;
  }

  async revisions(unit: string): Promise<readonly RevisionRecord[]> {
    return (await this.#read()).units.get(unit)?.revisions ?? [];
  }

  async putRevisions(context: string, revisions: readonly NewRevision[]): Promise<readonly RevisionRecord[]> {
    let records: readonly RevisionRecord[] = [];
    await this.#change(stored => {
      const result = withRevisions(stored, context, revisions);
      records = result.records;
      return result.change;
    });
    return records;
  }

  async activate(spec: ContextSpec, revisionIds: ReadonlyMap<string, string>, atMs: number): Promise<void> {
    await this.#change(stored => activated(stored, spec, revisionIds, atMs));
  }

  async setCondition(unit: string, condition: Condition): Promise<void> {
    const link = await this.#links.of(tag);
    await link.command('HSET', conditionsKey(unit), condition.type, JSON.stringify(condition));
  }

  async removeCondition(unit: string, type: string): Promise<void> {
    const link = await this.#links.of(tag);
    await link.command('HDEL', conditionsKey(unit), type);
  }

  async hold(unit: string, untilMs: number | undefined): Promise<void> {
    await this.#change(stored => withHold(stored, unit, untilMs));
  }

  async conditions(unit: string): Promise<readonly Condition[]> {
    const link = await this.#links.of(tag);
    const stored = asBuffers(await link.command('HVALS', conditionsKey(unit))).map(String);
    return stored.map(one => JSON.parse(one) as Condition).sort((a, b) => (a.type < b.type ? -1 : 1));
  }

  async remove(context: string, functionName?: string): Promise<void> {
    await this.#change(stored => withoutFunctions(stored, context, functionName));
  }

  async putBundle(hash: string, { code, sourceMap }: Bundle): Promise<void> {
    const actual = createHash('sha256').update(code).digest('hex');
    if (actual !== hash) {
      const hint = 'Build the function again and upload the new file.';
      throw new FaasError('FAAS_BUNDLE_HASH', `the bundle's sha256 is ${actual}, not ${hash}`, hint);
    }
    const link = await this.#links.of(tag);
    await link.command('SADD', bundlesKey, hash);
    await link.command('HSET', bundleKey(hash), 'code', code, ...(sourceMap === undefined ? [] : ['map', sourceMap]));
  }

  async bundle(hash: string): Promise<Bundle | undefined> {
    const link = await this.#links.of(tag);
    const [code = null, map = null] = asList(await link.command('HMGET', bundleKey(hash), 'code', 'map')).map(asBytes);
    return code === null ? undefined : { code, sourceMap: map ?? undefined };
  }

  async prune(keep: number): Promise<number> {
    await this.#change(stored => pruned(stored, keep));
    const { units } = await this.#read();
    const named = new Set([...units.values()].flatMap(({ revisions }) => revisions.map(({ bundleHash }) => bundleHash)));
    const link = await this.#links.of(tag);
    const unused = asBuffers(await link.command('SMEMBERS', bundlesKey))
      .map(String)
      .filter(hash => !named.has(hash));
    for (const hash of unused) {
      await link.command('UNLINK', bundleKey(hash));
      await link.command('SREM', bundlesKey, hash);
    }
    return unused.length;
  }

  watch(onChange: () => void): () => void {
    const watcher = () => onChange();
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  async lead(name: string, holder: string, ttlMs: number, nowMs: number): Promise<{ readonly fencing: number } | undefined> {
    const link = await this.#links.of(tag);
    const fencing = asNumber(await link.run(leadScript, [leaseKey(name)], [holder, ttlMs, nowMs]));
    return fencing === 0 ? undefined : { fencing };
  }

  async leader(name: string, nowMs: number): Promise<Leader | undefined> {
    const link = await this.#links.of(tag);
    const [holder = '', until, fencing] = asBuffers(await link.command('HMGET', leaseKey(name), 'holder', 'until', 'fencing')).map(String);
    return holder === '' || Number(until) <= nowMs ? undefined : { holder, fencing: Number(fencing) };
  }

  async resign(name: string, holder: string): Promise<void> {
    const link = await this.#links.of(tag);
    await link.run(resignScript, [leaseKey(name)], [holder]);
  }

  async close(): Promise<void> {
    this.#watchers.clear();
    this.#stopListening();
  }

  async #change(decide: (stored: StoredRegistry) => RegistryChange): Promise<void> {
    const link = await this.#links.of(tag);
    for (let tries = 1; tries <= changeTriesMax; tries += 1) {
      const stored = await this.#read();
      const change = decide(stored);
      const { sets, removed } = fieldsOf(change);
      const version = this.#random.token();
      const keys = [registryKey, ...(change.gone ?? []).map(conditionsKey)];
      const args = [stored.version, version, registryKey, sets.length / 2, ...sets, ...removed];
      if (asNumber(await link.run(changeScript, keys, args)) === 1) {
        this.#known = { ...changedBy(stored, change), version };
        this.#changed();
        return;
      }
    }
    throw new FaasError('FAAS_STORE_BUSY', 'others kept changing the registry', 'Try again.');
  }

  async #read(): Promise<VersionedRegistry> {
    const link = await this.#links.of(tag);
    const version = asBytes(await link.command('HGET', registryKey, 'version'));
    if (this.#known?.version === (version?.toString() ?? noVersion)) return this.#known;
    const known = await this.#readAll(link);
    this.#known = known;
    return known;
  }

  /** Those who find out in one turn that what they know is old read it once. */
  #readAll(link: RedisLink): Promise<VersionedRegistry> {
    this.#reading ??= new Promise(resolve => setImmediate(resolve)).then(() => {
      this.#reading = undefined;
      return readRegistry(link);
    });
    return this.#reading;
  }

  #changed(): void {
    for (const onChange of this.#watchers) onChange();
  }
}

interface VersionedRegistry extends StoredRegistry {
  readonly version: string;
}

/** Of a registry that nobody has changed yet. */
const noVersion = '0';

async function readRegistry(link: RedisLink): Promise<VersionedRegistry> {
  const contexts = new Map<string, ContextRecord>();
  const units = new Map<string, StoredUnit>();
  let version = noVersion;
  const flat = asBuffers(await link.command('HGETALL', registryKey)).map(String);
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [field = '', value = ''] = flat.slice(i, i + 2);
    if (field === 'version') version = value;
    else if (field.startsWith('c:')) contexts.set(field.slice(2), JSON.parse(value) as ContextRecord);
    else units.set(field.slice(2), JSON.parse(value) as StoredUnit);
  }
  return { contexts, units, version };
}

function fieldsOf({ contexts = new Map(), units = new Map() }: RegistryChange) {
  const sets: string[] = [];
  const removed: string[] = [];
  for (const [name, unit] of units) sets.push(`u:${name}`, JSON.stringify(unit));
  for (const [name, record] of contexts) {
    if (record === null) removed.push(`c:${name}`);
    else sets.push(`c:${name}`, JSON.stringify(record));
  }
  return { sets, removed };
}
