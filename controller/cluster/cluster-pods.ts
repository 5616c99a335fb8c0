import type { PodDirectory, PodView } from '../wire/pod-directory.ts';
import type { PodsAnswer, PodsWish, UnitExit } from './messages.ts';

export interface ClusterPodsOptions {
  /** Those that this process runs itself. */
  readonly own: Pick<PodDirectory, 'podsOf' | 'comingOf' | 'onChange' | 'onExit'>;
  /** Where batches of this process call back. */
  readonly callbackUrl: () => string;
  /** Passes a wish on to the leader; false: there is none at the moment. */
  readonly ask: (wish: PodsWish) => boolean;
}

const toldMin = 512;

/** The pods of all processes: its own as they are now, those of others as the leader told last. Without a leader that list is what goes on. */
export class ClusterPods implements PodDirectory {
  readonly #options: ClusterPodsOptions;
  /** By process. */
  readonly #others = new Map<string, readonly PodView[]>();
  readonly #views = new Map<string, readonly PodView[]>();
  readonly #changeListeners = new Set<(unit: string) => void>();
  readonly #exitListeners = new Set<(exit: UnitExit) => void>();
  /** Boot ids, of exits that the leader told. */
  readonly #told = new Set<string>();
  /** More than the leader's list: one that is forgotten while it stands there would be told again. */
  #toldMax = toldMin;

  constructor(options: ClusterPodsOptions) {
    this.#options = options;
    options.own.onChange(unit => this.#changed(unit));
    options.own.onExit(exit => this.#ended(exit));
  }

  podsOf(unit: string): readonly PodView[] {
    const known = this.#views.get(unit);
    if (known !== undefined) return known;
    const shared = { callbackUrl: this.#options.callbackUrl() };
    const others = [...this.#others.values()].flatMap(pods => pods.filter(one => one.unit === unit));
    const views = [...this.#options.own.podsOf(unit), ...others].map(view => ({ ...view, shared }));
    this.#views.set(unit, views);
    return views;
  }

  /** Those of this process: the leader tells only what is there. */
  comingOf(unit: string): readonly PodView[] {
    const shared = { callbackUrl: this.#options.callbackUrl() };
    return this.#options.own.comingOf(unit).map(view => ({ ...view, shared }));
  }

  want(unit: string, pods: number, reason: PodsWish['reason']): boolean {
    return this.#options.ask({ unit, pods, reason });
  }

  onChange(listener: (unit: string) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onExit(listener: (exit: UnitExit) => void): () => void {
    this.#exitListeners.add(listener);
    return () => this.#exitListeners.delete(listener);
  }

  /** Takes over what the leader says. One that leads only just does not know all processes yet: what it does not name stays as it is. */
  take({ hosts, exits, isComplete }: Pick<PodsAnswer, 'hosts' | 'exits' | 'isComplete'>): void {
    this.#toldMax = Math.max(toldMin, 2 * exits.length);
    for (const exit of exits) this.#ended(exit);
    const gone = isComplete ? [...this.#others.keys()].filter(process => !hosts.has(process)) : [];
    const changed = new Set<string>();
    for (const [process, pods] of [...gone.map(process => [process, []] as const), ...hosts]) {
      for (const unit of changedUnits(this.#others.get(process) ?? [], pods)) changed.add(unit);
      if (pods.length === 0) this.#others.delete(process);
      else this.#others.set(process, pods);
    }
    for (const unit of changed) this.#changed(unit);
  }

  #changed(unit: string): void {
    this.#views.delete(unit);
    for (const listener of this.#changeListeners) listener(unit);
  }

  #ended(exit: UnitExit): void {
    if (this.#told.has(exit.bootId)) return;
    this.#told.add(exit.bootId);
    for (const old of this.#told) {
      if (this.#told.size <= this.#toldMax) break;
      this.#told.delete(old);
    }
    for (const listener of this.#exitListeners) listener(exit);
  }
}

function changedUnits(before: readonly PodView[], after: readonly PodView[]): ReadonlySet<string> {
  const known = new Map(before.map(view => [view.pod.bootId, view]));
  const changed = new Set<string>();
  for (const view of after) {
    if (known.get(view.pod.bootId)?.state !== view.state) changed.add(view.unit);
    known.delete(view.pod.bootId);
  }
  for (const { unit } of known.values()) changed.add(unit);
  return changed;
}
