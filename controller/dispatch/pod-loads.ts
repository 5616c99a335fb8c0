import type { BatchEnd } from '../../runtime/protocol/messages.ts';
import type { Clock } from '../clock.ts';
import type { PodDirectory, PodView } from '../wire/pod-directory.ts';
import type { PodExits } from '../wire/pod-exits.ts';
import type { PodLoad } from './placement.ts';

/** How long a pod that refused is left alone, doubling while it goes on refusing. */
const refusalMs = { min: 10, max: 1_000 };

export interface PodLoadsOptions {
  readonly pods: PodDirectory;
  readonly exits: PodExits;
  readonly clock: Clock;
}

/** The pods of one function as the dispatcher sees them: what it has on each, and what became of those that are gone. */
export class PodLoads {
  readonly #options: PodLoadsOptions;
  readonly #unit: string;
  readonly #loads = new Map<string, PodLoad>();
  #all: readonly PodLoad[] = [];
  readonly #unsubscribe: () => void;

  constructor(options: PodLoadsOptions, unit: string, onChange: () => void) {
    this.#options = options;
    this.#unit = unit;
    this.#unsubscribe = options.pods.onChange(changed => {
      if (changed !== unit) return;
      this.refresh();
      onChange();
    });
    this.refresh();
  }

  /** The same list until it is another one: it is asked for at each event, and each second. */
  get all(): readonly PodLoad[] {
    return this.#all;
  }

  /** Takes over the list of pods; one that is gone stays until its batches have ended. */
  refresh(): void {
    const { pods } = this.#options;
    const coming = pods.comingOf(this.#unit);
    const views = new Map([...coming, ...pods.podsOf(this.#unit)].map(view => [view.pod.id, view]));
    const isComing = (id: string) => coming.some(({ pod }) => pod.id === id);
    for (const [id, load] of this.#loads) {
      if (views.has(id)) continue;
      if (load.batches === 0) this.#loads.delete(id);
      else load.view = { ...load.view, state: 'draining' };
    }
    for (const [id, view] of views) {
      const load = this.#loads.get(id);
      if (load !== undefined) Object.assign(load, { view, isComing: isComing(id) });
      else this.#loads.set(id, newLoad(view, isComing(id)));
    }
    this.#all = [...this.#loads.values()];
  }

  /** Not now: busy, broken, or something went wrong on the way to it. */
  refused(load: PodLoad): void {
    load.refusals += 1;
    const delayMs = Math.min(refusalMs.max, refusalMs.min * 2 ** Math.min(load.refusals - 1, 10));
    load.notBeforeMs = this.#options.clock.now() + delayMs;
  }

  /** Whether the pod ended with what it had not answered. A pod that we told to stop has not crashed. */
  async hasCrashed(end: BatchEnd, load: PodLoad): Promise<boolean> {
    switch (end.kind) {
      case 'done':
        load.refusals = 0;
        return false;
      case 'busy':
      case 'unreached':
        this.refused(load);
        return false;
      case 'draining':
        // It has not heard of the function yet.
        if (load.isComing) this.refused(load);
        load.view = { ...load.view, state: 'draining' };
        return false;
      default:
        this.refused(load);
        return (await this.#options.exits.hasCrashed(load.view.pod)) === true;
    }
  }

  close(): void {
    this.#unsubscribe();
  }
}

function newLoad(view: PodView, isComing: boolean): PodLoad {
  return { view, isComing, events: 0, batches: 0, answeredAtMs: 0, alone: false, reserved: false, notBeforeMs: 0, refusals: 0 };
}
