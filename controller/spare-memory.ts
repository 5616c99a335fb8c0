import { performance } from 'node:perf_hooks';
import type { Clock } from './clock.ts';
import type { Log } from './telemetry/log.ts';

/** The JavaScript heap of this thread. */
export interface Heap {
  /** Share of the time since the last question in which the event loop was busy, 0 to 1. */
  readonly utilization: () => number;
  readonly usedBytes: () => number;
  /** Collects all garbage and gives the memory back; the thread stands still meanwhile, some milliseconds per MiB that is alive. */
  readonly collect: () => Promise<void>;
}

const lookEveryMs = 30_000;
/** Whoever does more collects by growing, and would feel the pause. */
const utilizationMax = 0.2;
const growthMin = { bytes: 24 * 2 ** 20, share: 0.25 };

/**
 * Gives back what a busy time has left: V8 collects a heap when it has grown, which that of a server without work does not for hours. Once after the start, and
 * then when a quiet server holds a good deal more than was alive at the last time.
 */
export async function spareMemory(heap: Heap, { clock, log }: { clock: Clock; log: Log }, signal: AbortSignal): Promise<void> {
  let aliveBytes = 0;
  while (!signal.aborted) {
    await clock.sleep(lookEveryMs, signal);
    if (signal.aborted || heap.utilization() > utilizationMax) continue;
    const beforeBytes = heap.usedBytes();
    if (beforeBytes < aliveBytes + Math.max(growthMin.bytes, aliveBytes * growthMin.share)) continue;
    try {
      await heap.collect();
    } catch (error) {
      log.info('memory is given back by growing alone', { error: String(error) });
      return;
    }
    aliveBytes = heap.usedBytes();
    log.debug('memory given back', { beforeBytes, aliveBytes });
  }
}

export function processHeap(): Heap {
  let before = performance.eventLoopUtilization();
  return {
    utilization() {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      return utilization;
    },
    usedBytes: () => process.memoryUsage().heapUsed,
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
  };
}
