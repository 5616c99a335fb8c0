import type { PodExit, PodInfo } from '../ports/pods.ts';

/** What the data plane knows of pods: the controller's fleet within one process, a client of `/internal/v1` across processes. */
export interface PodDirectory {
  /** Pods that have loaded the function; only `ready` ones take new batches. */
  podsOf(unit: string): readonly PodView[];
  /** Asks for pods: the first event after idleness, or all of them busy. A wish, answered by a change of the list, or never. */
  want(unit: string, pods: number, reason: 'first-event' | 'waiting-events' | 'direct-call'): void;
  onChange(listener: (unit: string) => void): () => void;
  onExit(listener: (exit: PodExit & { readonly unit: string | undefined }) => void): () => void;
}

export interface PodView {
  readonly pod: PodInfo;
  readonly unit: string;
  readonly revision: string;
  readonly state: 'ready' | 'draining';
  /** Whether its handler takes one event or a batch. */
  readonly handler: 'event' | 'batch';
  readonly concurrency: number;
}
