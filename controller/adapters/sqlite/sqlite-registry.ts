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
import type { SqliteClient } from './sqlite-client.ts';

/**
 * The registry of one data folder. Only this process changes it, so that watchers are told here, and the contexts, which every appended event is
 * checked against, are read once between two changes.
 */
export class SqliteRegistry implements Registry {
  readonly #client: SqliteClient;
  readonly #watchers = new Set<() => void>();
  #contexts: Promise<readonly ContextRecord[]> | undefined;

  constructor(client: SqliteClient) {
    this.#client = client;
  }

  contexts(): Promise<readonly ContextRecord[]> {
    if (this.#contexts !== undefined) return this.#contexts;
    const asked = this.#client.request('contexts', undefined);
    this.#contexts = asked;
    asked.catch(() => {
      if (this.#contexts === asked) this.#contexts = undefined;
    });
    return asked;
  }

  async context(name: string): Promise<ContextRecord | undefined> {
    const contexts = await this.contexts();
    return contexts.find(({ spec }) => spec.context === name);
  }

  functions(context?: string): Promise<readonly FunctionRecord[]> {
    return this.#client.request('functions', context);
  }

  revisions(unit: string): Promise<readonly RevisionRecord[]> {
    return this.#client.request('revisions', unit);
  }

  putRevisions(context: string, revisions: readonly NewRevision[]): Promise<readonly RevisionRecord[]> {
    return this.#changing(this.#client.request('putRevisions', { context, revisions }));
  }

  async activate(spec: ContextSpec, revisionIds: ReadonlyMap<string, string>, atMs: number): Promise<void> {
    await this.#changing(this.#client.request('activate', { spec, revisionIds, atMs }));
  }

  async setCondition(unit: string, condition: Condition): Promise<void> {
    await this.#client.request('setCondition', { unit, condition });
  }

  async removeCondition(unit: string, type: string): Promise<void> {
    await this.#client.request('removeCondition', { unit, type });
  }

  async hold(unit: string, untilMs: number | undefined): Promise<void> {
    await this.#changing(this.#client.request('hold', { unit, untilMs }));
  }

  conditions(unit: string): Promise<readonly Condition[]> {
    return this.#client.request('conditions', unit);
  }

  async remove(context: string, functionName?: string): Promise<void> {
    await this.#changing(this.#client.request('removeFunctions', { context, functionName }));
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
    await this.#client.request('putBundle', { hash, bundle });
  }

  bundle(hash: string): Promise<Bundle | undefined> {
    return this.#client.request('bundle', hash);
  }

  prune(keep: number): Promise<number> {
    return this.#client.request('prune', keep);
  }

  watch(onChange: () => void): () => void {
    const watcher = () => onChange();
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  lead(name: string, holder: string, ttlMs: number, nowMs: number): Promise<{ readonly fencing: number } | undefined> {
    return this.#client.request('lead', { name, holder, ttlMs, nowMs });
  }

  leader(name: string, nowMs: number): Promise<Leader | undefined> {
    return this.#client.request('leader', { name, nowMs });
  }

  async resign(name: string, holder: string): Promise<void> {
    await this.#client.request('resign', { name, holder });
  }

  async close(): Promise<void> {
    this.#watchers.clear();
    this.#contexts = undefined;
  }

  async #changing<T>(change: Promise<T>): Promise<T> {
    const answer = await change.finally(() => {
      this.#contexts = undefined;
    });
    for (const onChange of this.#watchers) onChange();
    return answer;
  }
}
