import type { Context, FaasEvent } from 'faas';

export default async function mirror(event: FaasEvent<{ id: string; n: number }>, ctx: Context<{ log: string[] }>) {
  const state = (await ctx.state.get()) ?? { log: [] };
  state.log.push(`${event.data.id}@${event.data.n}`);
  ctx.state.set(state);
}
