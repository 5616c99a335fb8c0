import type { PodExit, PodInfo } from '../ports/pods.ts';

/** What the data plane knows of pods: the fleet of its own process, and in a cluster what the leader says of all others. */
export interface PodDirectory {
  /** Pods that have loaded the function; only `ready` ones take new batches. */
  podsOf(unit: string): readonly PodView[];
  /** Pods that load the function now, as they will be: a batch that `waits` may be sent ahead. Empty where nobody knows. */
  comingOf(unit: string): readonly PodView[];
  /** Asks for pods: the first event after idleness, or all of them busy. A wish, answered by a change of the list, or never; false: nobody starts pods now. */
  want(unit: string, pods: number, reason: 'first-event' | 'waiting-events' | 'direct-call'): boolean;
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
  /** Other processes send to it too: a batch says where it calls back, and whether it must have the pod to itself. */
  readonly shared?: { readonly callbackUrl: string };
}
