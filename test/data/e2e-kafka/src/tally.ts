import type { Context, FaasEvent } from 'faas';

export default async function tally(event: FaasEvent<{ id: number }>, ctx: Context<{ ids: number[] }>) {
  const state = (await ctx.state.get()) ?? { ids: [] };
  state.ids.push(event.data.id);
  ctx.state.set(state);
}
