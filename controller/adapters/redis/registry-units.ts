import { FaasError } from '../../errors.ts';
import type { ContextSpec } from '../../manifest/spec.ts';
import type { ContextRecord, FunctionRecord, NewRevision, RevisionRecord } from '../../ports/registry.ts';

/** A function as the registry stores it. It stays after a removal, so that counters only grow. */
export interface StoredUnit {
  readonly lastCounter: number;
  readonly revisions: readonly RevisionRecord[];
  readonly live: { readonly id: string; readonly previousLive: string | null; readonly activatedAtMs: number } | null;
  readonly heldUntilMs?: number | undefined;
}

/** All that is stored but conditions, bundles and leases. */
export interface StoredRegistry {
  readonly contexts: ReadonlyMap<string, ContextRecord>;
  readonly units: ReadonlyMap<string, StoredUnit>;
}

/** What a change writes; null removes. */
export interface RegistryChange {
  readonly contexts?: ReadonlyMap<string, ContextRecord | null>;
  readonly units?: ReadonlyMap<string, StoredUnit>;
  /** Functions that are gone, and their conditions with them. */
  readonly gone?: readonly string[];
}

const newUnit: StoredUnit = { lastCounter: 0, revisions: [], live: null };

export function withRevisions(
  stored: StoredRegistry,
  context: string,
  revisions: readonly NewRevision[],
): { readonly change: RegistryChange; readonly records: readonly RevisionRecord[] } {
  const units = new Map<string, StoredUnit>();
  const records = revisions.map(revision => {
    const name = `${context}.${revision.functionName}`;
    const unit = units.get(name) ?? stored.units.get(name) ?? newUnit;
    const known = unit.revisions.find(({ hash }) => hash === revision.hash);
    if (known !== undefined) return known;
    const counter = unit.lastCounter + 1;
    const record = { ...revision, unit: name, counter, id: `r${counter}-${revision.hash.slice(0, 8)}` };
    units.set(name, { ...unit, lastCounter: counter, revisions: [...unit.revisions, record] });
    return record;
  });
  return { change: { units }, records };
}

/** Throws FAAS_REVISION_UNKNOWN when one of the revisions is not there. */
export function activated(stored: StoredRegistry, spec: ContextSpec, ids: ReadonlyMap<string, string>, atMs: number): RegistryChange {
  const units = new Map<string, StoredUnit>();
  for (const [name, unit] of unitsOf(stored, spec.context)) {
    if (!ids.has(nameOf(name)) && unit.live !== null) units.set(name, { ...unit, live: null });
  }
  for (const [functionName, id] of ids) {
    const name = `${spec.context}.${functionName}`;
    const unit = stored.units.get(name);
    if (unit === undefined || !unit.revisions.some(revision => revision.id === id)) throw unknownRevision(name, id);
    if (unit.live?.id !== id) units.set(name, { ...unit, live: { id, previousLive: unit.live?.id ?? null, activatedAtMs: atMs } });
  }
  return { units, contexts: new Map([[spec.context, { spec, deployedAtMs: atMs }]]) };
}

export function withHold(stored: StoredRegistry, name: string, heldUntilMs: number | undefined): RegistryChange {
  return { units: new Map([[name, { ...(stored.units.get(name) ?? newUnit), heldUntilMs }]]) };
}

export function withoutFunctions(stored: StoredRegistry, context: string, functionName: string | undefined): RegistryChange {
  const found = unitsOf(stored, context).filter(([name]) => functionName === undefined || nameOf(name) === functionName);
  const record = stored.contexts.get(context);
  const units = new Map(found.map(([name, { lastCounter }]) => [name, { ...newUnit, lastCounter }]));
  const gone = [...units.keys()];
  if (record === undefined) return { units, gone };
  const functions = record.spec.functions.filter(({ name }) => name !== functionName);
  const left = functionName === undefined ? null : { ...record, spec: { ...record.spec, functions } };
  return { units, gone, contexts: new Map([[context, left]]) };
}

/** Only the last `keep` revisions of each function, and those that are or were live. */
export function pruned(stored: StoredRegistry, keep: number): RegistryChange {
  const units = new Map<string, StoredUnit>();
  for (const [name, unit] of stored.units) {
    const last = new Set(unit.revisions.slice(Math.max(0, unit.revisions.length - keep)));
    const revisions = unit.revisions.filter(one => last.has(one) || one.id === unit.live?.id || one.id === unit.live?.previousLive);
    if (revisions.length < unit.revisions.length) units.set(name, { ...unit, revisions });
  }
  return { units };
}

/** What is stored after the change. */
export function changedBy({ contexts, units }: StoredRegistry, change: RegistryChange): StoredRegistry {
  const left = new Map(contexts);
  for (const [name, record] of change.contexts ?? []) {
    if (record === null) left.delete(name);
    else left.set(name, record);
  }
  return { contexts: left, units: new Map([...units, ...(change.units ?? [])]) };
}

export function functionRecords({ units }: StoredRegistry, context: string | undefined): readonly FunctionRecord[] {
  return [...units]
    .flatMap(([unit, { live, revisions, heldUntilMs }]): FunctionRecord[] => {
      const revision = revisions.find(({ id }) => id === live?.id);
      if (live === null || revision === undefined || (context !== undefined && contextOf(unit) !== context)) return [];
      const { previousLive, activatedAtMs } = live;
      const name = revision.functionName;
      const held = heldUntilMs === undefined ? {} : { heldUntilMs };
      return [{ unit, context: contextOf(unit), name, live: revision, previousLive: previousLive ?? undefined, activatedAtMs, ...held }];
    })
    .sort((a, b) => (a.unit < b.unit ? -1 : 1));
}

function unitsOf({ units }: StoredRegistry, context: string): readonly (readonly [name: string, unit: StoredUnit])[] {
  return [...units].filter(([name]) => contextOf(name) === context);
}

function contextOf(unit: string): string {
  return unit.slice(0, unit.indexOf('.'));
}

function nameOf(unit: string): string {
  return unit.slice(unit.indexOf('.') + 1);
}

function unknownRevision(unit: string, id: string): FaasError {
  return new FaasError(
    'FAAS_REVISION_UNKNOWN',
    `${unit} has no revision ${id}`,
    'List the revisions with "faas describe" and choose one of them.',
  );
}
