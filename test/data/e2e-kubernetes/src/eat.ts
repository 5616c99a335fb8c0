import type { Context, FaasEvent } from 'faas';

export default async function eat(event: FaasEvent<{ id: number; greedy: boolean }>, ctx: Context<{ ids: number[] }>) {
  // In one call that nothing can end but the kernel.
  if (event.data.greedy) Buffer.alloc(4 * 2 ** 30, 1);
  const state = (await ctx.state.get()) ?? { ids: [] };
  state.ids.push(event.data.id);
  ctx.state.set(state);
}
