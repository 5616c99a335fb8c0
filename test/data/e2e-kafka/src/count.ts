import type { Context, FaasEvent } from 'faas';

export default async function count(event: FaasEvent<{ id: number }>, ctx: Context<{ ids: number[] }>) {
  const state = (await ctx.state.get()) ?? { ids: [] };
  state.ids.push(event.data.id);
  ctx.state.set(state);
  ctx.emit('counted', event.key, { id: event.data.id });
}
