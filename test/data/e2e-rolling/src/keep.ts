import type { Context, FaasEvent } from 'faas';

interface Kept {
  ids: string[];
  /** The longest time from sending to handling, in ms. */
  latestMs: number;
}

export default async function keep(event: FaasEvent<{ id: string; sentAtMs: number }>, ctx: Context<Kept>) {
  const state = (await ctx.state.get()) ?? { ids: [], latestMs: 0 };
  state.ids.push(event.data.id);
  state.latestMs = Math.max(state.latestMs, Date.now() - event.data.sentAtMs);
  ctx.state.set(state);
  return { n: state.ids.length };
}
