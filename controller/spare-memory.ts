import { constants, PerformanceObserver, performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import type { Clock } from './clock.ts';
import type { Log } from './telemetry/log.ts';

/** The JavaScript heap of this thread. */
export interface Heap {
  /** Share of the time since the last question in which the event loop was busy, 0 to 1. */
  readonly utilization: () => number;
  /** What it has taken from the system. */
  readonly heldBytes: () => number;
  /** Collects all garbage and gives the memory back; the thread stands still meanwhile, some milliseconds per MiB that is alive. */
  readonly collect: () => Promise<void>;
  /** Collections of the space for what is new since the last question. */
  readonly youngCollections: () => number;
  /** Whether that space may grow. It does so with all that outlives a collection, up to 32 MiB, and a small one is collected more often. */
  readonly letYoungGrow: (may: boolean) => void;
}

const lookEveryMs = 1_000;
/** How much the last second counts. */
const weight = 0.1;
/** Whoever does more collects by growing, and would feel the pause. */
const utilizationMax = 0.2;
const quietMs = 30_000;
/** Each looks at all that may point into the young space, some 2 ms however small that is: a larger one is collected less often. */
const youngPerSecondMax = 6;
const growthMin = { bytes: 24 * 2 ** 20, share: 0.25 };

/**
 * Gives back what a busy time has left: V8 collects a heap when it has grown, which that of a server without work does not for hours. Once after the start, and
 * then when a server that has been quiet for half a minute holds a good deal more than after the last time. Until it is busy again its young space stays as small as it is then,
 * or as it has to be for {@link youngPerSecondMax}.
 */
export async function spareMemory(heap: Heap, { clock, log }: { clock: Clock; log: Log }, signal: AbortSignal): Promise<void> {
  let level = 1;
  let youngPerSecond = 0;
  let isSmall = false;
  let quietSinceMs = clock.steady();
  let keptBytes = 0;
  let mayGrow = true;
  const settle = (): void => {
    const may = !isSmall || youngPerSecond > youngPerSecondMax;
    if (may !== mayGrow) heap.letYoungGrow(may);
    mayGrow = may;
  };
  while (!signal.aborted) {
    await clock.sleep(lookEveryMs, signal);
    if (signal.aborted) return;
    level += (heap.utilization() - level) * weight;
    youngPerSecond += (heap.youngCollections() - youngPerSecond) * weight;
    const nowMs = clock.steady();
    const isBusy = level > utilizationMax;
    if (isBusy) {
      quietSinceMs = nowMs;
      isSmall = false;
    }
    settle();
    if (isBusy || nowMs - quietSinceMs < quietMs) continue;
    quietSinceMs = nowMs;
    const beforeBytes = heap.heldBytes();
    if (beforeBytes < keptBytes + Math.max(growthMin.bytes, keptBytes * growthMin.share)) continue;
    try {
      isSmall = true;
      settle();
      await heap.collect();
    } catch (error) {
      isSmall = false;
      settle();
      log.info('memory is given back by growing alone', { error: String(error) });
      return;
    }
    keptBytes = heap.heldBytes();
    log.debug('memory given back', { beforeBytes, keptBytes });
  }
}

export function processHeap(): Heap {
  let before = performance.eventLoopUtilization();
  let young = 0;
  const observer = new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (isYoung(Reflect.get(entry, 'detail'))) young += 1;
  });
  observer.observe({ entryTypes: ['gc'] });
  return {
    utilization() {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      return utilization;
    },
    youngCollections() {
      const count = young;
      young = 0;
      return count;
    },
    heldBytes: () => process.memoryUsage().heapTotal,
    async collect() {
      const { Session } = await import('node:inspector/promises');
      const session = new Session();
      session.connect();
      try {
        await session.post('HeapProfiler.collectGarbage');
      } finally {
        session.disconnect();
      }
    },
    // V8 reads it whenever it would grow that space; 2 is what it starts with.
    letYoungGrow: may => setFlagsFromString(`--semi-space-growth-factor=${may ? 2 : 1}`),
  };
}

function isYoung(detail: unknown): boolean {
  return typeof detail === 'object' && detail !== null && Reflect.get(detail, 'kind') === constants.NODE_PERFORMANCE_GC_MINOR;
}
