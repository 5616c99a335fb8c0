import type { PodView } from '../wire/pod-directory.ts';

/** What the gateway knows of its own load on a pod. */
export interface PodLoad {
  /** Calls that were sent and not answered. */
  readonly inFlight: number;
  /** It said that it is busy, until then. */
  readonly busyUntilMs: number;
  readonly lastBatchAtMs: number;
}

/** With so many in flight on a pod, calls that come within a millisecond of its last batch wait for each other: one more request would cost more than they do. */
export const gatherFrom = 4;
export const gatherMs = 1;

/** How much work, in handler time, may queue inside a pod: enough to hide the way there, too little to notice. */
export const queueAheadMs = 5;
export const inFlightMax = 128;

/** Calls that a pod may have in flight: its concurrency, and more while handlers are much faster than the way to them. */
export function capacityOf(concurrency: number, handlerMs: number): number {
  const ahead = Math.floor((concurrency * queueAheadMs) / Math.max(handlerMs, 0.01));
  return Math.max(concurrency, Math.min(inFlightMax, ahead));
}

export type Picked =
  | { readonly kind: 'pod'; readonly view: PodView; readonly room: number; readonly gather: boolean }
  | { readonly kind: 'none' }
  | { readonly kind: 'full' };

/**
 * The ready pod with the least in flight, `turn` decides between equals. Pods of the live revision come first; those of another one serve only while
 * there is none, so that a deployment leaves no gap.
 */
export function pickPod(
  pods: readonly PodView[],
  revision: string,
  loadOf: (podId: string) => PodLoad,
  handlerMs: number,
  turn: number,
  nowMs: number,
): Picked {
  const ready = pods.filter(view => view.state === 'ready');
  const live = ready.filter(view => view.revision === revision);
  const candidates = live.length > 0 ? live : ready;
  let best: PodView | undefined;
  let bestLoad = Number.POSITIVE_INFINITY;
  let room = 0;
  for (let i = 0; i < candidates.length; i += 1) {
    const view = candidates[(i + turn) % candidates.length];
    if (view === undefined) continue;
    const load = loadOf(view.pod.id);
    const left = capacityOf(view.concurrency, handlerMs) - load.inFlight;
    if (left <= 0 || load.busyUntilMs > nowMs || load.inFlight >= bestLoad) continue;
    best = view;
    bestLoad = load.inFlight;
    room = left;
  }
  if (best !== undefined) {
    const gather = bestLoad >= gatherFrom && nowMs - loadOf(best.pod.id).lastBatchAtMs < gatherMs;
    return { kind: 'pod', view: best, room, gather };
  }
  return { kind: candidates.length === 0 ? 'none' : 'full' };
}
