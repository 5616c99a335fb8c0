import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../child.ts';
import { median } from '../../statistics.ts';
import type { TraceSpec } from '../trace.ts';
import { type Bounds, emitSlot, finishedOf, scalesOf, setPods, startFunctions } from './server.ts';

/** What one real pod is like: what the thresholds rest on, and the model of the simulation. */
export interface MeasuredPod {
  /** Events per second of a full one. */
  readonly rate: number;
  /** From the wish for one more to its being ready; seen each 20 ms. */
  readonly startMs: number;
}

const forS = 15;
/** Until it is full, and after it runs out of work, it is slower. */
const leaveOut = 0.15;
const starts = 5;

export async function measurePod(bounds: Bounds, trace: TraceSpec): Promise<MeasuredPod> {
  const server = await startFunctions(bounds, trace, ['faas']);
  try {
    await setPods(server, 'faas', 1);
    const events = Math.round((forS * trace.concurrency * 1_000) / trace.serviceMs);
    await emitSlot(server, 0, events);
    const done = () => [...(finishedOf(server).get('faas')?.values() ?? [])].sort((a, b) => a - b);
    await eventually('one pod is done with its events', () => (done().length >= events ? true : undefined), forS * 4_000, 200);
    const startsMs: number[] = [];
    for (let pods = 2; pods <= starts + 1; pods += 1) {
      const fromMs = performance.now();
      await setPods(server, 'faas', pods);
      await eventually('one more pod is ready', async () => ((await scalesOf(server))[0]?.pods.ready === pods ? true : undefined));
      startsMs.push(performance.now() - fromMs);
      await sleep(500);
    }
    return { rate: rateOf(done()), startMs: median(startsMs) };
  } finally {
    await server.stop();
  }
}

function rateOf(finishedMs: readonly number[]): number {
  const [from, to] = [Math.floor(finishedMs.length * leaveOut), Math.floor(finishedMs.length * (1 - leaveOut))];
  return ((to - from) * 1_000) / ((finishedMs[to] ?? Number.NaN) - (finishedMs[from] ?? Number.NaN));
}
