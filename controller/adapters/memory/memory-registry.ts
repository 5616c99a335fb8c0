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

interface Unit {
  /** Survives a delete, so that counters only grow. */
  lastCounter: number;
  revisions: RevisionRecord[];
  live: { readonly id: string; readonly previousLive: string | undefined; readonly activatedAtMs: number } | undefined;
  readonly conditions: Map<string, Condition>;
  heldUntilMs: number | undefined;
}

/** The executable spec of the registry. */
export class MemoryRegistry implements Registry {
  readonly #contexts = new Map<string, ContextRecord>();
  readonly #units = new Map<string, Unit>();
  readonly #bundles = new Map<string, Bundle>();
  readonly #leases = new Map<string, { holder: string; untilMs: number; fencing: number }>();
  readonly #watchers = new Set<() => void>();

  async contexts(): Promise<readonly ContextRecord[]> {
    return [...this.#contexts.values()].sort((a, b) => (a.spec.context < b.spec.context ? -1 : 1));
  }

  async context(name: string): Promise<ContextRecord | undefined> {
    return this.#contexts.get(name);
  }

  async functions(context?: string): Promise<readonly FunctionRecord[]> {
    return [...this.#units]
      .flatMap(([unit, stored]) => {
        const record = functionRecord(unit, stored);
        return record === undefined || (context !== undefined && record.context !== context) ? [] : [record];
      })
      .sort((a, b) => (a.unit < b.unit ? -1 : 1));
  }

  async revisions(unit: string): Promise<readonly RevisionRecord[]> {
    return [...(this.#units.get(unit)?.revisions ?? [])];
  }

  async putRevisions(context: string, revisions: readonly NewRevision[]): Promise<readonly RevisionRecord[]> {
    const stored = revisions.map(revision => this.#putRevision(context, revision));
    this.#changed();
    return stored;
  }

  async activate(spec: ContextSpec, revisionIds: ReadonlyMap<string, string>, atMs: number): Promise<void> {
    for (const [name, id] of revisionIds) this.#requireRevision(`${spec.context}.${name}`, id);
    for (const [name, unit] of this.#unitsOf(spec.context)) if (!revisionIds.has(name)) unit.live = undefined;
    for (const [name, id] of revisionIds) {
      const unit = this.#unit(`${spec.context}.${name}`);
      if (unit.live?.id !== id) unit.live = { id, previousLive: unit.live?.id, activatedAtMs: atMs };
    }
    this.#contexts.set(spec.context, { spec, deployedAtMs: atMs });
    this.#changed();
  }

  async setCondition(unit: string, condition: Condition): Promise<void> {
    this.#unit(unit).conditions.set(condition.type, condition);
  }

  async removeCondition(unit: string, type: string): Promise<void> {
    this.#units.get(unit)?.conditions.delete(type);
  }

  async conditions(unit: string): Promise<readonly Condition[]> {
    return [...(this.#units.get(unit)?.conditions.values() ?? [])].sort((a, b) => (a.type < b.type ? -1 : 1));
  }

  async hold(unit: string, untilMs: number | undefined): Promise<void> {
    this.#unit(unit).heldUntilMs = untilMs;
    this.#changed();
  }

  async remove(context: string, functionName?: string): Promise<void> {
    for (const [name, unit] of this.#unitsOf(context)) {
      if (functionName !== undefined && name !== functionName) continue;
      unit.live = undefined;
      unit.revisions = [];
      unit.conditions.clear();
    }
    const record = this.#contexts.get(context);
    if (functionName === undefined) this.#contexts.delete(context);
    else if (record !== undefined) this.#contexts.set(context, { ...record, spec: withoutFunction(record.spec, functionName) });
    this.#changed();
  }

  async putBundle(hash: string, bundle: Bundle): Promise<void> {
    const actual = createHash('sha256').update(bundle.code).digest('hex');
    if (actual !== hash) {
      throw new FaasError(
        'FAAS_BUNDLE_HASH',
        `the bundle's sha256 is ${actual}, not ${hash}`,
        'Build the function again and upload the new file.',
      );
    }
    this.#bundles.set(hash, bundle);
  }

  async bundle(hash: string): Promise<Bundle | undefined> {
    return this.#bundles.get(hash);
  }

  async prune(keep: number): Promise<number> {
    for (const unit of this.#units.values()) {
      const kept = new Set([
        ...unit.revisions.slice(Math.max(0, unit.revisions.length - keep)).map(({ id }) => id),
        unit.live?.id,
        unit.live?.previousLive,
      ]);
      unit.revisions = unit.revisions.filter(({ id }) => kept.has(id));
    }
    const named = new Set([...this.#units.values()].flatMap(({ revisions }) => revisions.map(({ bundleHash }) => bundleHash)));
    const unused = [...this.#bundles.keys()].filter(hash => !named.has(hash));
    for (const hash of unused) this.#bundles.delete(hash);
    return unused.length;
  }

  watch(onChange: () => void): () => void {
    const watcher = () => onChange();
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  async lead(name: string, holder: string, ttlMs: number, nowMs: number): Promise<{ readonly fencing: number } | undefined> {
    const lease = this.#leases.get(name) ?? { holder: '', untilMs: 0, fencing: 0 };
    if (lease.holder !== holder && lease.holder !== '' && lease.untilMs > nowMs) return undefined;
    const fencing = lease.holder === holder ? lease.fencing : lease.fencing + 1;
    this.#leases.set(name, { holder, untilMs: nowMs + ttlMs, fencing });
    return { fencing };
  }

  async resign(name: string, holder: string): Promise<void> {
    const lease = this.#leases.get(name);
    if (lease?.holder === holder) this.#leases.set(name, { ...lease, holder: '', untilMs: 0 });
  }

  async leader(name: string, nowMs: number): Promise<Leader | undefined> {
    const lease = this.#leases.get(name);
    return lease === undefined || lease.holder === '' || lease.untilMs <= nowMs
      ? undefined
      : { holder: lease.holder, fencing: lease.fencing };
  }

  async close(): Promise<void> {
    this.#watchers.clear();
  }

  #putRevision(context: string, revision: NewRevision): RevisionRecord {
    const name = `${context}.${revision.functionName}`;
    const unit = this.#unit(name);
    const known = unit.revisions.find(({ hash }) => hash === revision.hash);
    if (known !== undefined) return known;
    unit.lastCounter += 1;
    const record = { ...revision, unit: name, counter: unit.lastCounter, id: `r${unit.lastCounter}-${revision.hash.slice(0, 8)}` };
    unit.revisions.push(record);
    return record;
  }

  #requireRevision(unit: string, id: string): void {
    if (this.#units.get(unit)?.revisions.some(revision => revision.id === id)) return;
    throw new FaasError(
      'FAAS_REVISION_UNKNOWN',
      `${unit} has no revision ${id}`,
      'List the revisions with "faas describe" and choose one of them.',
    );
  }

  #unitsOf(context: string): [name: string, unit: Unit][] {
    const prefix = `${context}.`;
    return [...this.#units].flatMap(([unit, stored]) =>
      unit.startsWith(prefix) ? [[unit.slice(prefix.length), stored] as [string, Unit]] : [],
    );
  }

  #unit(name: string): Unit {
    const unit = this.#units.get(name) ?? { lastCounter: 0, revisions: [], live: undefined, conditions: new Map(), heldUntilMs: undefined };
    this.#units.set(name, unit);
    return unit;
  }

  #changed(): void {
    for (const onChange of this.#watchers) onChange();
  }
}

function functionRecord(unit: string, { live, revisions, heldUntilMs }: Unit): FunctionRecord | undefined {
  const revision = revisions.find(({ id }) => id === live?.id);
  if (live === undefined || revision === undefined) return undefined;
  const context = unit.slice(0, unit.indexOf('.'));
  const held = heldUntilMs === undefined ? {} : { heldUntilMs };
  const { previousLive, activatedAtMs } = live;
  return { unit, context, name: revision.functionName, live: revision, previousLive, activatedAtMs, ...held };
}

function withoutFunction(spec: ContextSpec, functionName: string): ContextSpec {
  return { ...spec, functions: spec.functions.filter(({ name }) => name !== functionName) };
}
