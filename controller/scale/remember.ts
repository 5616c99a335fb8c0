import type { ScaleInputs, ScaleMemory } from './decision.ts';
import { amountOf } from './figure.ts';
import type { Known } from './size.ts';

/** A step down goes to no less than was recommended within this time. */
export const stableMs = 300_000;
/** Under this part of what a step up should have brought, something behind the pods is the limit. */
const gainLeast = 0.1;
/** From when the pods of a step are ready until their effect is in the figures. */
const settleMs = 10_000;
/** A step whose pods do not become ready within this time is not judged. */
const judgeWithinMs = 120_000;
const firstWaitMs = 300_000;
const waitMsMax = 3_600_000;

export interface Judged {
  readonly memory: ScaleMemory;
  /** The last step up brought nothing: go back. */
  readonly useless: boolean;
}

/** Looks back at the last step up, once its pods have worked for a while: what did it bring? */
export function remember({ observation, replicas, memory }: ScaleInputs, known: Known): Judged {
  const { steadyMs } = observation;
  const { step, ...rest } = memory;
  const going: ScaleMemory = { ...rest, sinceMs: memory.sinceMs ?? steadyMs };
  if (step === undefined) return { memory: going, useless: false };
  const finished = amountOf(observation.finishedRate);
  const tookMs = steadyMs - step.atMs;
  const startMs = amountOf(observation.startMs) ?? 0;
  const isOver = tookMs > judgeWithinMs || replicas < step.to || finished === undefined;
  if (isOver) return { memory: going, useless: false };
  if (observation.pods.ready < step.to || tookMs < startMs + settleMs) return { memory: { ...going, step }, useless: false };
  const waiting = known.backlogEvents - observation.inFlight;
  const hoped = (step.finishedRate * (step.to - step.from)) / step.from;
  // Where nothing waits the pods have caught up: that is what they were for.
  const isUseless = waiting > finished && finished - step.finishedRate < hoped * gainLeast;
  if (!isUseless) return { memory: isProof(step, memory) ? withoutBlock(going) : going, useless: false };
  const waitMs = Math.min(memory.block === undefined ? firstWaitMs : memory.block.waitMs * 2, waitMsMax);
  return {
    memory: { ...going, block: { pods: usefulOf(observation, finished, step.from), untilMs: steadyMs + waitMs, waitMs } },
    useless: true,
  };
}

/** Above what was blocked, and it did bring something: the bound is gone. */
function isProof(step: NonNullable<ScaleMemory['step']>, { block }: ScaleMemory): boolean {
  return block !== undefined && step.to > block.pods;
}

function withoutBlock({ block, ...memory }: ScaleMemory): ScaleMemory {
  return memory;
}

/** The pods that would finish as much, were each as quick as the quickest lately. */
function usefulOf({ podRateBest }: ScaleInputs['observation'], finished: number, from: number): number {
  const best = amountOf(podRateBest);
  return best === undefined || best <= 0 ? from : Math.max(1, Math.ceil(finished / best - 0.05));
}
