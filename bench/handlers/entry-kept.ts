import type { Context, FaasEvent } from 'faas';

/** Keeps how long after its event was sent, and after it was appended, it was entered: for pods that share no file with the bench. */
export default function entry(event: FaasEvent<{ readonly sentAtMs: number }>, ctx: Context<unknown>): void {
  const nowMs = performance.timeOrigin + performance.now();
  ctx.state.set({ sinceSentMs: nowMs - event.data.sentAtMs, sinceAppendMs: nowMs - Date.parse(event.time) });
}
