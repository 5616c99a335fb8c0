import type { Context, FaasEvent } from 'faas';

export default async function closed(event: FaasEvent<{ id: string }>, ctx: Context<{ ids: string[] }>) {
  const state = (await ctx.state.get()) ?? { ids: [] };
  state.ids.push(event.data.id);
  ctx.state.set(state);
}
