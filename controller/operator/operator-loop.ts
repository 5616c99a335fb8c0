import type { ClusterObject, ObjectChange, ObjectFollower } from '../ports/objects.ts';
import { type ResourceKind, resourceApiVersion } from '../ports/resources.ts';
import { ContextOperator } from './context-operator.ts';
import type { HeldResources, OperatorOptions } from './operator-options.ts';
import type { FunctionFigures } from './resource-status.ts';

const lookEveryMs = 500;
/** While nothing changes: for figures, and for what has to be tried again. */
const figuresEveryMs = 5_000;

/**
 * Makes live what the resources of the cluster say, and writes back what is. Runs on the leader, whose fencing number goes into each status; ends when the
 * signal aborts.
 */
export async function runOperator(options: OperatorOptions, fencing: number, signal: AbortSignal): Promise<void> {
  const { objects, resources, clock } = options;
  const [contexts, functions] = [new Known(), new Known()];
  const selection = { apiVersion: resourceApiVersion, namespace: resources.namespace, selector: undefined };
  const follow = (kind: ResourceKind, known: Known) => objects.follow({ ...selection, kind }, known, signal);
  const following = [follow('Context', contexts), follow('Function', functions)];
  const looks = new ContextLooks(options, fencing);
  let [seen, lookedAtMs] = [-1, 0];
  while (!signal.aborted) {
    const changes = contexts.changes + functions.changes;
    const isDue = changes !== seen || clock.now() - lookedAtMs >= figuresEveryMs;
    if (contexts.isListed && functions.isListed && isDue) {
      [seen, lookedAtMs] = [changes, clock.now()];
      await looks.begin(() => byContext(contexts.objects, functions.objects));
    }
    await clock.sleep(lookEveryMs, signal);
  }
  await Promise.all([...following, looks.over()]);
}

interface ContextLook {
  readonly operator: ContextOperator;
  /** Undefined between two looks. */
  underWay: Promise<void> | undefined;
}

/**
 * One look at a time for each context: one that waits for a pod, or fails, holds no other up. What comes meanwhile is seen by the next look, which the status
 * that this one writes brings about, or the time for figures.
 */
class ContextLooks {
  readonly #options: OperatorOptions;
  readonly #fencing: number;
  readonly #looks = new Map<string, ContextLook>();

  constructor(options: OperatorOptions, fencing: number) {
    this.#options = options;
    this.#fencing = fencing;
  }

  /** `resources` are read after the figures: what is not live any more is then seen to be wished no more. Contexts that are gone are forgotten. */
  async begin(resources: () => ReadonlyMap<string, HeldResources>): Promise<void> {
    const figures = await this.#options.figures().catch(error => {
      this.#options.log.warn('functions could not be looked up', { error: String(error) });
    });
    if (figures === undefined) return;
    const byUnit = new Map(figures.map(one => [one.unit, one]));
    const contexts = resources();
    for (const [context, held] of contexts) this.#begin(context, held, byUnit);
    for (const [context, { underWay }] of this.#looks) if (!contexts.has(context) && underWay === undefined) this.#looks.delete(context);
  }

  /** Resolves when no look is under way. */
  async over(): Promise<void> {
    await Promise.all([...this.#looks.values()].map(({ underWay }) => underWay));
  }

  #begin(context: string, held: HeldResources, figures: ReadonlyMap<string, FunctionFigures>): void {
    const look = this.#looks.get(context) ?? {
      operator: new ContextOperator(this.#options, context, this.#fencing),
      underWay: undefined,
    };
    this.#looks.set(context, look);
    look.underWay ??= look.operator
      .look(held, figures)
      .catch(error => {
        this.#options.log.warn('resources could not be dealt with, tried again', { context, error: String(error) });
      })
      .finally(() => {
        look.underWay = undefined;
      });
  }
}

/** What is there of one kind. */
class Known implements ObjectFollower {
  isListed = false;
  changes = 0;
  readonly #objects = new Map<string, ClusterObject>();

  get objects(): readonly ClusterObject[] {
    return [...this.#objects.values()];
  }

  async changed(changes: readonly ObjectChange[]): Promise<void> {
    this.changes += changes.length;
    for (const { kind, object } of changes) {
      if (kind === 'deleted') this.#objects.delete(object.metadata.name);
      else this.#objects.set(object.metadata.name, object);
    }
  }

  async listed(): Promise<void> {
    this.isListed = true;
  }

  found(): void {}
}

function byContext(contexts: readonly ClusterObject[], functions: readonly ClusterObject[]): ReadonlyMap<string, HeldResources> {
  const held = new Map<string, { context: ClusterObject | undefined; functions: Map<string, ClusterObject> }>();
  const of = (context: string) => {
    const known = held.get(context) ?? { context: undefined, functions: new Map<string, ClusterObject>() };
    held.set(context, known);
    return known;
  };
  for (const object of contexts) of(object.metadata.name).context = object;
  for (const object of functions) {
    const [context = '', name = ''] = object.metadata.name.split('.');
    of(context).functions.set(name, object);
  }
  return held;
}
