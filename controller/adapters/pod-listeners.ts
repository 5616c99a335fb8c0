import type { PodExit, PodLeaving, Pods } from '../ports/pods.ts';

export type PodOutput = Parameters<Parameters<Pods['onOutput']>[0]>[0];

/** Who wants to hear of pods, whichever adapter runs them. */
export abstract class PodListeners {
  readonly #exit = new Set<(exit: PodExit) => void>();
  readonly #leaving = new Set<(leaving: PodLeaving) => void>();
  readonly #output = new Set<(output: PodOutput) => void>();

  onExit(listener: (exit: PodExit) => void): () => void {
    this.#exit.add(listener);
    return () => this.#exit.delete(listener);
  }

  onLeaving(listener: (leaving: PodLeaving) => void): () => void {
    this.#leaving.add(listener);
    return () => this.#leaving.delete(listener);
  }

  onOutput(listener: (output: PodOutput) => void): () => void {
    this.#output.add(listener);
    return () => this.#output.delete(listener);
  }

  protected tellExit(exit: PodExit): void {
    for (const listener of this.#exit) listener(exit);
  }

  protected tellLeaving(leaving: PodLeaving): void {
    for (const listener of this.#leaving) listener(leaving);
  }

  protected tellOutput(output: PodOutput): void {
    for (const listener of this.#output) listener(output);
  }
}
