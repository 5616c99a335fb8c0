import { assertNever } from '../../runtime/sdk/assert-never.ts';

/** One pod as the fleet knows it. `unit` is undefined for a generic one, and for one that has just been started for nobody in particular. */
export interface FleetPod {
  readonly id: string;
  readonly phase: 'starting' | 'generic' | 'loading' | 'ready' | 'draining';
  readonly unit: string | undefined;
  readonly revision: string | undefined;
  readonly eventsInFlight: number;
  readonly startedAtMs: number;
  readonly memoryBytes: number;
}

export interface FleetWish {
  readonly unit: string;
  /** The live revision; pods of others are replaced. */
  readonly revision: string;
  readonly replicas: number;
  /** After failed loads: no new pod for this unit before then. */
  readonly notBeforeMs: number;
  /** Of the pods that the function can be loaded into. */
  readonly memoryBytes: number;
  /** From then on a surplus pod goes that has work in flight, where none is idle. */
  readonly drainBusyAtMs: number;
}

export interface FleetLimits {
  /** Generic pods to have in waiting, of each size that a function needs. */
  readonly pool: number;
  /** Of a generic pod for which no function is known yet. */
  readonly memoryBytes: number;
  /** Pods at most, whatever they do; draining ones count until they have ended. */
  readonly podsMax: number;
  /** The pool is not refilled before then: a pod that boots takes the processor from one that is just becoming a function. */
  readonly refillNotBeforeMs: number;
}

export type FleetAction =
  | { readonly kind: 'start'; readonly memoryBytes: number }
  | { readonly kind: 'load'; readonly podId: string; readonly unit: string }
  | { readonly kind: 'drain'; readonly podId: string; readonly why: 'replaced' | 'removed' | 'surplus' | 'pool-surplus' };

/**
 * What to do now so that the pods become those that are wished for. Laws: never more pods than `podsMax`; an old revision is drained only when
 * the live one has a ready pod (or is wished at zero); a surplus pod is drained when it is idle, the youngest first, or when none has been idle for too
 * long; the same input gives the same plan.
 */
export function planFleet(
  pods: readonly FleetPod[],
  wishes: readonly FleetWish[],
  limits: FleetLimits,
  nowMs: number,
): readonly FleetAction[] {
  const actions: FleetAction[] = [];
  const sizes = [...new Set([limits.memoryBytes, ...wishes.map(wish => wish.memoryBytes)])];
  const generic = pods.filter(pod => pod.phase === 'generic').sort(byAge);
  const missing = new Map<number, number>();
  for (const wish of fairly(concerned(wishes, pods), pods)) {
    const mine = pods.filter(pod => pod.unit === wish.unit);
    const current = mine.filter(pod => pod.revision === wish.revision && (pod.phase === 'ready' || pod.phase === 'loading'));
    for (let need = wish.replicas - current.length; need > 0 && wish.notBeforeMs <= nowMs; need -= 1) {
      const at = generic.findIndex(pod => pod.memoryBytes === wish.memoryBytes);
      const [pod] = at < 0 ? [] : generic.splice(at, 1);
      if (pod !== undefined) actions.push({ kind: 'load', podId: pod.id, unit: wish.unit });
      else missing.set(wish.memoryBytes, (missing.get(wish.memoryBytes) ?? 0) + 1);
    }
    actions.push(...drains(mine, current, wish, nowMs));
  }
  const known = new Set(wishes.map(wish => wish.unit));
  for (const pod of pods)
    if (pod.unit !== undefined && pod.phase === 'ready' && !known.has(pod.unit))
      actions.push({ kind: 'drain', podId: pod.id, why: 'removed' });
  let room = Math.max(0, limits.podsMax - pods.length);
  const mayRefill = nowMs >= limits.refillNotBeforeMs && !actions.some(action => action.kind === 'load');
  // What is missing comes before what is in waiting, of every size.
  for (const wanted of ['missing', 'pool'] as const) {
    for (const memoryBytes of sizes) {
      const waiting = generic.filter(pod => pod.memoryBytes === memoryBytes).length;
      const starting = pods.filter(pod => pod.phase === 'starting' && pod.memoryBytes === memoryBytes).length;
      const needed = missing.get(memoryBytes) ?? 0;
      const forPool = mayRefill ? Math.max(0, limits.pool - waiting) : 0;
      const starts = wanted === 'missing' ? needed - starting : Math.max(0, needed + forPool - starting) - Math.max(0, needed - starting);
      for (let i = Math.min(room, Math.max(0, starts)); i > 0; i -= 1, room -= 1) actions.push({ kind: 'start', memoryBytes });
    }
  }
  for (const size of new Set(generic.map(pod => pod.memoryBytes))) {
    const spare = generic.filter(pod => pod.memoryBytes === size);
    // One of another size that waits for nobody must not keep a function from its first pod.
    const inTheWay = room === 0 && [...missing].some(([other]) => other !== size);
    const wanted = sizes.includes(size) && !inTheWay ? limits.pool + (missing.get(size) ?? 0) : 0;
    for (const pod of spare.slice(wanted)) actions.push({ kind: 'drain', podId: pod.id, why: 'pool-surplus' });
  }
  return actions;
}

/**
 * Memory of the pods for a function that needs `bytes`, where a pod has the memory that it was started with: `smallest`, doubled as often as it takes, so that
 * few sizes serve all functions.
 */
export function podSize(bytes: number, smallest: number): number {
  let size = smallest;
  while (size < bytes) size *= 2;
  return size;
}

/** Of hundreds of functions most have no pod and want none: there is nothing to do for them. */
function concerned(wishes: readonly FleetWish[], pods: readonly FleetPod[]): readonly FleetWish[] {
  const has = new Set(pods.map(pod => pod.unit));
  return wishes.filter(wish => wish.replicas > 0 || has.has(wish.unit));
}

/** Units without any pod first, so that one greedy function cannot keep another from its first pod. */
function fairly(wishes: readonly FleetWish[], pods: readonly FleetPod[]): readonly FleetWish[] {
  const has = new Set(pods.filter(pod => pod.phase !== 'draining').map(pod => pod.unit));
  return [...wishes].sort((a, b) => Number(has.has(a.unit)) - Number(has.has(b.unit)) || (a.unit < b.unit ? -1 : 1));
}

function drains(mine: readonly FleetPod[], current: readonly FleetPod[], wish: FleetWish, nowMs: number): readonly FleetAction[] {
  const actions: FleetAction[] = [];
  const currentReady = current.filter(pod => pod.phase === 'ready');
  if (currentReady.length > 0 || wish.replicas === 0) {
    for (const pod of mine)
      if (pod.phase === 'ready' && pod.revision !== wish.revision) actions.push({ kind: 'drain', podId: pod.id, why: 'replaced' });
  }
  const going = currentReady
    .filter(pod => pod.eventsInFlight === 0 || nowMs >= wish.drainBusyAtMs)
    .sort((a, b) => a.eventsInFlight - b.eventsInFlight || byAge(b, a));
  for (const pod of going.slice(0, Math.max(0, currentReady.length - wish.replicas)))
    actions.push({ kind: 'drain', podId: pod.id, why: 'surplus' });
  return actions;
}

function byAge(a: FleetPod, b: FleetPod): number {
  return a.startedAtMs - b.startedAtMs || (a.id < b.id ? -1 : 1);
}

/** Wait before the n-th start after n failed loads in a row: 0.5 s doubled up to 30 s. */
export function loadBackoffMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(30_000, 500 * 2 ** Math.min(failures - 1, 10));
}

/** Why a pod was drained, in words for the history. */
export function drainSentence(why: Extract<FleetAction, { kind: 'drain' }>['why']): string {
  switch (why) {
    case 'replaced':
      return 'a newer revision has taken over';
    case 'removed':
      return 'its function is gone';
    case 'surplus':
      return 'fewer pods are wanted';
    case 'pool-surplus':
      return 'the pool of generic pods is full';
    default:
      return assertNever(why);
  }
}
