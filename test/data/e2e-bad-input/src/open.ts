import type { Context, FaasEvent } from 'faas';

export default async function open(event: FaasEvent<{ id: string; emitBytes?: number }>, ctx: Context<{ ids: string[] }>) {
  const { id, emitBytes = 0 } = event.data;
  const state = (await ctx.state.get()) ?? { ids: [] };
  state.ids.push(id);
  ctx.state.set(state);
  if (emitBytes > 0) ctx.emit('results', event.key, { id, padding: 'x'.repeat(emitBytes) });
}
