import { unitOf } from '../functions/live-function.ts';
import type { ClusterObject } from '../ports/objects.ts';
import { deleteStateAnnotation, type ResourceKind, type ResourceNote } from '../ports/resources.ts';
import { type ContextOutcome, deployContext } from './deploy-context.ts';
import type { HeldResources, OperatorOptions } from './operator-options.ts';
import { type ResourceProblem, replicasOf } from './resource-manifest.ts';
import { contextStatus, differs, type FunctionFigures, fencingIn, functionStatus, type Verdict, verdictIn } from './resource-status.ts';

/** Keeps a resource there until its function is drained and gone. */
const finalizer = 'faas.internal/drain';
const figuresEveryMs = 10_000;
const retryMs = { first: 5_000, most: 300_000 } as const;
/** What may be otherwise the next time although the resource is the same: something that it names came later. A bad handler is not tried again. */
const passing: ReadonlySet<string> = new Set([
  ...['FAAS_BUNDLE_UNKNOWN', 'FAAS_MANIFEST_FOREIGN', 'FAAS_MANIFEST_UNDECLARED', 'FAAS_POD_START', 'FAAS_DEPLOY_REFUSED', 'FAAS_INTERNAL'],
]);
/** The end of a replica count that a resource sets: never. */
const foreverMs = Date.UTC(9999, 0);

/** The resources of one context: what they say is made live, what is live is written to them. */
export class ContextOperator {
  readonly #options: OperatorOptions;
  readonly #context: string;
  readonly #fencing: number;
  /** By uid. */
  readonly #verdicts = new Map<string, Verdict>();
  readonly #writtenAtMs = new Map<string, number>();
  #failures = 0;
  #retryAtMs = 0;

  constructor(options: OperatorOptions, context: string, fencing: number) {
    this.#options = options;
    this.#context = context;
    this.#fencing = fencing;
  }

  /** One look at them; what could not be written is written at the next one. */
  async look(held: HeldResources, figures: ReadonlyMap<string, FunctionFigures>): Promise<void> {
    this.#forget(held);
    if (!(await this.#release(held))) return;
    const [context, functions] = [isGoing(held.context) ? undefined : held.context, staying(held.functions)];
    const all = [
      ...(context === undefined ? [] : [['Context', context] as const]),
      ...[...functions.values()].map(one => ['Function', one] as const),
    ];
    for (const [kind, object] of all) if (!(await this.#bind(kind, object))) return;
    const isChanged = await this.#deploy(context, functions, figures);
    const now = isChanged ? new Map((await this.#options.figures()).map(one => [one.unit, one])) : figures;
    await this.#report(context, functions, now);
  }

  /** What is known of resources that are gone; no other one ever has their uid. */
  #forget({ context, functions }: HeldResources): void {
    const uids = new Set([context, ...functions.values()].map(object => object?.metadata.uid));
    for (const known of [this.#verdicts, this.#writtenAtMs]) for (const uid of known.keys()) if (!uids.has(uid)) known.delete(uid);
  }

  /** Ends what is to be deleted, its functions first; false: look again, something else was written meanwhile. */
  async #release({ context, functions }: HeldResources): Promise<boolean> {
    for (const [name, object] of functions) {
      if (!isGoing(object) || !finalizersOf(object).includes(finalizer)) continue;
      await this.#remove(object, name);
      if (!(await this.#unbind('Function', object))) return false;
    }
    if (context === undefined || !isGoing(context) || !finalizersOf(context).includes(finalizer)) return true;
    // Its streams are in use as long as there are functions, whoever deployed them.
    if (staying(functions).size > 0 || (await this.#options.registry.functions(this.#context)).length > 0) return true;
    await this.#remove(context, undefined);
    return this.#unbind('Context', context);
  }

  async #remove({ metadata }: ClusterObject, name: string | undefined): Promise<void> {
    const { deployments, log } = this.#options;
    const state = metadata.annotations?.[deleteStateAnnotation] === 'true';
    const result = await deployments.remove(this.#context, name, { state });
    log.info('resource removed', { resource: metadata.name, removed: result.kind === 'removed' ? result.units : [], state });
  }

  async #bind(kind: ResourceKind, object: ClusterObject): Promise<boolean> {
    const finalizers = finalizersOf(object);
    if (finalizers.includes(finalizer)) return true;
    await this.#options.resources.setFinalizers(object, kind, [...finalizers, finalizer]);
    return false;
  }

  async #unbind(kind: ResourceKind, object: ClusterObject): Promise<boolean> {
    const others = finalizersOf(object).filter(one => one !== finalizer);
    return (await this.#options.resources.setFinalizers(object, kind, others)) === 'ok';
  }

  /** Whether something was deployed. */
  async #deploy(
    context: ClusterObject | undefined,
    functions: ReadonlyMap<string, ClusterObject>,
    figures: ReadonlyMap<string, FunctionFigures>,
  ): Promise<boolean> {
    const { clock } = this.#options;
    const isNew = (object: ClusterObject) => this.#verdict(object)?.generation !== generationOf(object);
    const isLive = (name: string) => figures.has(unitOf(this.#context, name));
    const objects = [...(context === undefined ? [] : [context]), ...functions.values()];
    const isLost = [...functions].some(([name, object]) => !isLive(name) && this.#verdict(object)?.problem === undefined);
    const mayPass = objects.some(object => passing.has(this.#verdict(object)?.problem?.code ?? ''));
    if (!objects.some(isNew) && !isLost && !(mayPass && clock.now() >= this.#retryAtMs)) return false;
    // Those that were refused are tried together with what is new: it may be what they have waited for.
    const wanted = [...functions].filter(
      ([name, object]) => isNew(object) || !isLive(name) || this.#verdict(object)?.problem !== undefined,
    );
    const changed = context !== undefined && (isNew(context) || this.#verdict(context)?.problem !== undefined) ? context : undefined;
    const outcome = await this.#tried({ context: this.#context, changed, functions: new Map(wanted) });
    this.#failures = outcome.problems.size > 0 ? this.#failures + 1 : 0;
    this.#retryAtMs = clock.now() + Math.min(retryMs.most, retryMs.first * 2 ** Math.max(0, this.#failures - 1));
    if (context !== undefined && changed === context) await this.#judge('Context', context, outcome.problems.get(''), outcome);
    for (const [name, object] of wanted) await this.#judge('Function', object, outcome.problems.get(name), outcome);
    return true;
  }

  async #tried(resources: Parameters<typeof deployContext>[1]): Promise<ContextOutcome> {
    try {
      return await deployContext(this.#options, resources);
    } catch (error) {
      this.#options.log.warn('resources could not be deployed', { context: this.#context, error: String(error) });
      const problem = { function: undefined, code: 'FAAS_INTERNAL', message: String(error) };
      return { problems: new Map(['', ...resources.functions.keys()].map(name => [name, problem])), changes: [], warnings: [] };
    }
  }

  async #judge(kind: ResourceKind, object: ClusterObject, problem: ResourceProblem | undefined, outcome: ContextOutcome): Promise<void> {
    const before = this.#verdict(object);
    this.#verdicts.set(object.metadata.uid, { generation: generationOf(object), problem });
    if (problem === undefined && kind === 'Function') await this.#scale(object);
    const note =
      problem === undefined ? deployedNote(object, outcome) : { type: 'Warning' as const, reason: problem.code, message: problem.message };
    const isSame = before?.generation === generationOf(object) && before.problem?.message === problem?.message;
    if (!isSame && note !== undefined) await this.#tell(kind, object, note);
  }

  /** `spec.replicas` holds until it is another one or gone; bounds that a person has set for a time are left alone. */
  async #scale(object: ClusterObject): Promise<void> {
    const { overrides } = this.#options;
    const unit = object.metadata.name;
    const [replicas, before] = [replicasOf(object), overrides.of(unit)];
    if (replicas !== undefined && (before?.min !== replicas || before.max !== replicas))
      await overrides.set(unit, { min: replicas, max: replicas, untilMs: foreverMs });
    if (replicas === undefined && before?.untilMs === foreverMs) await overrides.set(unit, undefined);
  }

  async #tell(kind: ResourceKind, object: ClusterObject, note: Omit<ResourceNote, 'atMs'>): Promise<void> {
    await this.#options.resources.tell(object, kind, { ...note, atMs: this.#options.clock.now() });
  }

  async #report(
    context: ClusterObject | undefined,
    functions: ReadonlyMap<string, ClusterObject>,
    figures: ReadonlyMap<string, FunctionFigures>,
  ): Promise<void> {
    const nowMs = this.#options.clock.now();
    const facts = (verdict: Verdict) => ({ verdict, fencing: this.#fencing, nowMs });
    const ofContext = context === undefined ? undefined : this.#verdict(context);
    if (context !== undefined && ofContext !== undefined) {
      const live = [...figures.keys()].filter(unit => unit.startsWith(`${this.#context}.`)).length;
      const isLive = (await this.#options.registry.context(this.#context)) !== undefined;
      await this.#write('Context', context, contextStatus(context, isLive ? live : undefined, facts(ofContext)));
    }
    for (const [name, object] of functions) {
      const verdict = this.#verdict(object);
      if (verdict !== undefined)
        await this.#write('Function', object, functionStatus(object, figures.get(unitOf(this.#context, name)), facts(verdict)));
    }
  }

  /** Not over what a later leader wrote. */
  async #write(kind: ResourceKind, object: ClusterObject, status: Readonly<Record<string, unknown>>): Promise<void> {
    const { clock, resources, log } = this.#options;
    const { uid, name } = object.metadata;
    if (fencingIn(object) > this.#fencing) {
      log.warn('another leader has written the status', { resource: name, fencing: this.#fencing, other: fencingIn(object) });
      return;
    }
    const isDue = clock.now() - (this.#writtenAtMs.get(uid) ?? 0) >= figuresEveryMs;
    if (!differs(object, status, isDue)) return;
    if ((await resources.writeStatus(object, kind, status)) === 'ok') this.#writtenAtMs.set(uid, clock.now());
  }

  /** Of this process, or of the one before as it wrote it. */
  #verdict(object: ClusterObject): Verdict | undefined {
    return this.#verdicts.get(object.metadata.uid) ?? verdictIn(object);
  }
}

function deployedNote(object: ClusterObject, { changes }: ContextOutcome): Omit<ResourceNote, 'atMs'> | undefined {
  const change = changes.find(({ unit }) => unit === object.metadata.name);
  if (change === undefined || change.change === 'unchanged') return undefined;
  return { type: 'Normal', reason: 'Deployed', message: `${change.revision} is live (${change.change})` };
}

function generationOf({ metadata }: ClusterObject): number {
  return metadata.generation ?? 0;
}

function isGoing(object: ClusterObject | undefined): boolean {
  return object?.metadata.deletionTimestamp !== undefined;
}

function staying(functions: ReadonlyMap<string, ClusterObject>): ReadonlyMap<string, ClusterObject> {
  return new Map([...functions].filter(([, object]) => !isGoing(object)));
}

function finalizersOf({ metadata }: ClusterObject): readonly string[] {
  return metadata.finalizers ?? [];
}
