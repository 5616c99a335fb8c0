import { timeText } from './figure-text.ts';
import type { ScalePolicy } from './policy.ts';
import { reactionMs } from './size.ts';

/** What the policy wants and no number of pods can give, with what they can. Undefined: nothing, or no start was measured. */
export function unreachable({ maxAgeMs, min }: ScalePolicy, startMs: number | undefined): string | undefined {
  if (startMs === undefined || startMs + reactionMs <= maxAgeMs) return undefined;
  const takes = `maxAge ${timeText(maxAgeMs)} is below the ${timeText(startMs + reactionMs)} that a new pod takes to work (${timeText(startMs)} measured for its start, ${timeText(reactionMs)} to see the need)`;
  const way =
    min === 0
      ? `write maxAge ${timeText(startMs + reactionMs)} or more, or keep a pod with min: 1`
      : `write maxAge ${timeText(startMs + reactionMs)} or more, or a min that takes every rise of the load`;
  return `${takes}: what waits for one is late; ${way}`;
}
