import { canonicalJson } from './canonical-json.ts';

/** What one place of a specification was and would be, as JSON; undefined: it was not there, or would not be. */
export interface SpecChange {
  /** `limits.memoryBytes`, `on[1].cron` */
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export interface FunctionChange {
  readonly function: string;
  readonly change: 'created' | 'updated' | 'unchanged' | 'removed';
  readonly changes: readonly SpecChange[];
}

/** A context with the hashes of its bundles by function. */
export interface Deployable {
  /** Whatever of it is the same in a specification and in the API's answer. */
  readonly spec: {
    readonly owner?: string | undefined;
    readonly streams: readonly { readonly name: string }[];
    readonly functions: readonly { readonly name: string }[];
  };
  readonly bundles: ReadonlyMap<string, string>;
}

/** What deploying `next` would change of `live`, by function in the order of their names; streams of the context under the name ''. */
export function specChanges(live: Deployable | undefined, next: Deployable): readonly FunctionChange[] {
  const [before, after] = [placesOf(live), placesOf(next)];
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.map(name => {
    const [old, now] = [before.get(name), after.get(name)];
    const paths = [...new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])])];
    const changes = paths
      .map(path => ({ path, before: old?.get(path), after: now?.get(path) }))
      .filter(change => change.before !== change.after);
    if (now === undefined) return { function: name, change: 'removed', changes: [] };
    if (old === undefined) return { function: name, change: 'created', changes: [] };
    return { function: name, change: changes.length === 0 ? 'unchanged' : 'updated', changes };
  });
}

function placesOf(of: Deployable | undefined): ReadonlyMap<string, ReadonlyMap<string, string>> {
  if (of === undefined) return new Map();
  const { functions, streams, owner } = of.spec;
  const ofContext = leavesOf({ owner, streams: Object.fromEntries(streams.map(({ name, ...rest }) => [name, rest])) });
  return new Map([
    ['', ofContext] as const,
    ...functions.map(({ name, ...rest }) => [name, leavesOf({ bundle: of.bundles.get(name), ...rest })] as const),
  ]);
}

function leavesOf(value: unknown): ReadonlyMap<string, string> {
  const leaves = new Map<string, string>();
  const walk = (at: unknown, path: string) => {
    if (typeof at !== 'object' || at === null) {
      if (at !== undefined) leaves.set(path, JSON.stringify(at));
      return;
    }
    const entries = Object.entries(at).filter(([, held]) => held !== undefined);
    if (entries.length === 0 && path !== '') leaves.set(path, canonicalJson(at));
    for (const [key, held] of entries) walk(held, Array.isArray(at) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`);
  };
  walk(value, '');
  return leaves;
}
