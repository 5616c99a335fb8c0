import { relative, resolve } from 'node:path';
import type { DeployAnswer } from '../controller/api/contract.ts';
import { canonicalJson } from '../controller/manifest/canonical-json.ts';
import type { JsonSchema } from '../controller/manifest/spec.ts';
import type { ApiClient } from './api-client.ts';
import { type BundleResult, type Bundler, openBundler } from './bundle.ts';
import { placedRefusal } from './deploy-refusal.ts';
import { type Bundled, deployBundles, foreignSchemas } from './deployment.ts';
import { problemsFailure } from './problem-text.ts';
import { type Project, readProject } from './project.ts';

interface Unit {
  readonly bundler: Bundler;
  /** What its bundler was opened with; another one is opened when this changes. */
  readonly made: string;
  /** Absolute paths of what went into it, also from builds before the last one: a broken build knows little. */
  readonly inputs: ReadonlySet<string>;
  readonly result: BundleResult;
}

/** Keeps the bundles of a project current, and builds again only what a change concerns. One call at a time. */
export class DevSession {
  readonly #options: {
    readonly file: string;
    readonly cwd: string;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly client: ApiClient;
  };
  #project: Project | undefined;
  #foreign: ReadonlyMap<string, JsonSchema> = new Map();
  #units = new Map<string, Unit>();

  constructor(options: { file: string; cwd: string; env: Readonly<Record<string, string | undefined>>; client: ApiClient }) {
    this.#options = options;
  }

  get project(): Project | undefined {
    return this.#project;
  }

  /** Absolute paths of all files whose change matters. */
  inputs(): readonly string[] {
    const { file } = this.#options;
    const root = this.#project?.root ?? resolve(file, '..');
    const named = (this.#project?.inputs ?? []).map(path => resolve(root, path));
    return [...new Set([file, ...named, ...[...this.#units.values()].flatMap(unit => [...unit.inputs])])];
  }

  /** Whether a change of a file could mend or change anything: while something is broken, any source may be the missing one. */
  concerns(path: string): boolean {
    if (this.inputs().includes(path)) return true;
    const broken = this.#project === undefined || [...this.#units.values()].some(unit => unit.result.kind === 'refused');
    return broken && /\.([cm]?[jt]sx?|json|ya?ml|wasm)$/.test(path);
  }

  /** Builds what the changed files (absolute paths; undefined: everything) went into, and deploys. Throws CommandFailure; the old revisions stay then. */
  async update(changed: ReadonlySet<string> | undefined): Promise<DeployAnswer> {
    const { client, cwd } = this.#options;
    const project = await this.#currentProject(changed);
    await this.#build(project, changed);
    const results = [...this.#units.values()].map(unit => unit.result);
    const problems = results.flatMap(result => (result.kind === 'refused' ? result.problems : []));
    if (problems.length > 0) throw await problemsFailure(problems, project.root, cwd);
    const bundles = new Map<string, Bundled>();
    for (const [name, { result }] of this.#units) if (result.kind === 'bundled') bundles.set(name, result);
    return deployBundles(client, project.spec, bundles, () => {}).catch(async (cause: unknown) => {
      throw await placedRefusal(cause, project.root, cwd);
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#units.values()].map(unit => unit.bundler.dispose()));
    this.#units.clear();
  }

  async #currentProject(changed: ReadonlySet<string> | undefined): Promise<Project> {
    const { file, cwd, env, client } = this.#options;
    const known = this.#project;
    const touched = known === undefined || changed === undefined || known.inputs.some(path => changed.has(resolve(known.root, path)));
    if (known !== undefined && !touched) return known;
    this.#project = undefined;
    const project = await readProject(file, cwd, env);
    this.#foreign = await foreignSchemas(client, project.spec);
    this.#project = project;
    return project;
  }

  async #build(project: Project, changed: ReadonlySet<string> | undefined): Promise<void> {
    const { root, spec } = project;
    const before = this.#units;
    const streams = canonicalJson([spec.streams, [...this.#foreign]]);
    const built = await Promise.all(
      spec.functions.map(async one => {
        const made = `${canonicalJson(one)}${streams}`;
        const known = before.get(one.name);
        const same = known?.made === made ? known : undefined;
        if (same !== undefined && !isStale(same, changed)) return [one.name, same] as const;
        const bundler = same?.bundler ?? (await openBundler({ root, spec: one, context: spec, foreignSchemas: this.#foreign }));
        const result = await bundler.bundle();
        const inputs = new Set([
          ...result.inputs.map(path => resolve(root, path)),
          ...(result.kind === 'refused' ? (same?.inputs ?? []) : []),
        ]);
        return [one.name, { bundler, made, result, inputs }] as const;
      }),
    );
    this.#units = new Map(built);
    const kept = new Set(built.map(([, unit]) => unit.bundler));
    await Promise.all([...before.values()].filter(unit => !kept.has(unit.bundler)).map(unit => unit.bundler.dispose()));
  }
}

function isStale(unit: Unit, changed: ReadonlySet<string> | undefined): boolean {
  return changed === undefined || unit.result.kind === 'refused' || [...unit.inputs].some(path => changed.has(path));
}

/** `src/a.ts, src/b.ts` or `src/a.ts and 3 more`. */
export function namesOf(changed: ReadonlySet<string>, cwd: string): string {
  const names = [...changed].map(path => relative(cwd, path) || path);
  return names.length <= 2 ? names.join(', ') : `${names[0]} and ${names.length - 1} more`;
}
