import type { PodView } from '../wire/pod-directory.ts';
import type { Hosting, UnitExit } from './messages.ts';

export interface OwnPodsOptions {
  readonly fleet: {
    views(): readonly PodView[];
    wishes(): ReadonlyMap<string, number>;
    onChange(listener: (unit: string) => void): () => void;
    onExit(listener: (exit: UnitExit) => void): () => void;
  };
  readonly podsMax: number;
  readonly onChange: () => void;
}

/** Told again and again: an end that nobody heard of would be nobody's fault. */
const exitsKept = 32;

/** The pods that this process runs, as others get to know them. */
export class OwnPods {
  readonly #options: OwnPodsOptions;
  readonly #exits: UnitExit[] = [];
  #revision = 1;

  constructor(options: OwnPodsOptions) {
    this.#options = options;
    const changed = (): void => {
      this.#revision += 1;
      options.onChange();
    };
    options.fleet.onChange(changed);
    options.fleet.onExit(exit => {
      this.#exits.push(exit);
      if (this.#exits.length > exitsKept) this.#exits.shift();
      changed();
    });
  }

  get revision(): number {
    return this.#revision;
  }

  get hosting(): Hosting {
    const { fleet, podsMax } = this.#options;
    return { podsMax, revision: this.#revision, pods: fleet.views(), replicas: fleet.wishes(), exits: [...this.#exits] };
  }
}
