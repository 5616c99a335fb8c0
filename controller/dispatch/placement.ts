import type { PodView } from '../wire/pod-directory.ts';

/** What we have on a pod. */
export interface PodLoad {
  view: PodView;
  /** It loads the function now, and keeps one batch until it has. */
  isComing: boolean;
  /** Sent and not answered. */
  events: number;
  batches: number;
  /** When it last answered, or was given something after being idle. */
  answeredAtMs: number;
  /** It runs a suspect. */
  alone: boolean;
  /** It is kept free for a suspect. */
  reserved: boolean;
  /** It said `busy`, or its connection broke: not before then. */
  notBeforeMs: number;
  /** How often that happened in a row. */
  refusals: number;
}

/** How much work a pod may hold that it has not begun: enough to never wait for the next batch, little enough to leave events to other pods. */
const aheadMs = 25;
/** A pod that holds as much as it runs at once and has not answered for so long gets nothing to queue behind that. */
const stallMs = 1_000;
const batchesMax = 8;
/** A pod takes two batches whatever their size, and more of them while they are small. */
const batchesAlways = 2;
const eventsPerConcurrency = 4;

/** How many events a pod can be given now; 0: none. `eventMs` is what one event takes in the handler, as far as is known. */
export function roomOf(load: PodLoad, batchSize: number, eventMs: number, nowMs: number): number {
  if (load.alone || load.reserved || load.view.state !== 'ready' || nowMs < load.notBeforeMs || load.batches >= batchesMax) return 0;
  if (load.isComing && load.batches > 0) return 0;
  const { concurrency, handler } = load.view;
  if (handler === 'batch') return load.batches <= concurrency ? batchSize : 0;
  const ahead = Math.floor((concurrency * aheadMs) / Math.max(eventMs, 0.005));
  const isStalled = load.events > 0 && nowMs > load.answeredAtMs + stallMs;
  const held = concurrency + (isStalled ? 0 : Math.min(Math.max(ahead, 1), batchSize * 2));
  const small = load.batches < batchesAlways ? Number.POSITIVE_INFINITY : concurrency * eventsPerConcurrency;
  return Math.max(0, Math.min(batchSize, Math.min(held, small) - load.events));
}

/** The fewest events worth a batch of their own: one for a pod that would idle, else a good part of a batch. */
export function leastOf(load: PodLoad, batchSize: number): number {
  const idles = load.view.handler === 'batch' ? load.batches === 0 : load.events < load.view.concurrency;
  return idles ? 1 : Math.ceil(batchSize / 2);
}

/** The pod for the next shared batch: of the live revision if there is one, the least loaded first. One that is still coming only while no other is there. */
export function choosePod(
  loads: readonly PodLoad[],
  live: string,
  batchSize: number,
  eventMs: number,
  nowMs: number,
): { readonly load: PodLoad; readonly room: number } | undefined {
  let best: { load: PodLoad; room: number } | undefined;
  for (const load of preferred(loads, live)) {
    const room = roomOf(load, batchSize, eventMs, nowMs);
    if (room > 0 && (best === undefined || pressure(load) < pressure(best.load))) best = { load, room };
  }
  return best;
}

/**
 * The pod for a suspect: one that runs nothing of ours; while there is none, the least loaded one is kept free for it. At most half of the pods, so
 * that the others go on.
 */
export function chooseQuarantine(
  loads: readonly PodLoad[],
  live: string,
  nowMs: number,
): { readonly load: PodLoad; readonly isFree: boolean } | undefined {
  const usable = preferred(loads, live).filter(isReady);
  const taken = usable.filter(load => load.alone).length;
  const [held] = usable.filter(load => load.reserved && !load.alone);
  if (held === undefined && taken >= Math.max(1, Math.floor(usable.length / 2))) return undefined;
  const free = usable.filter(load => !load.alone && nowMs >= load.notBeforeMs);
  const least = held ?? free.toSorted((a, b) => a.events - b.events || a.batches - b.batches)[0];
  return least === undefined ? undefined : { load: least, isFree: least.batches === 0 };
}

/** Pods that the waiting events could keep busy, those in use included. */
export function podsWanted(loads: readonly PodLoad[], waiting: number, concurrency: number): number {
  const running = loads.reduce((sum, load) => sum + (load.view.handler === 'batch' ? load.batches : load.events), 0);
  return Math.ceil((running + waiting) / Math.max(1, concurrency));
}

/** It takes batches, and is there. */
export function isReady({ view, isComing }: PodLoad): boolean {
  return view.state === 'ready' && !isComing;
}

function preferred(loads: readonly PodLoad[], live: string): readonly PodLoad[] {
  const ready = loads.filter(isReady);
  const current = ready.filter(load => load.view.revision === live);
  if (current.length > 0) return current;
  return ready.length > 0 ? ready : loads;
}

function pressure(load: PodLoad): number {
  return load.events / Math.max(1, load.view.concurrency);
}
