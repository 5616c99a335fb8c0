import type { Context, FaasEvent } from 'faas';

export default async function intake(event: FaasEvent<{ id: string; fail: boolean }>, ctx: Context<{ log: string[] }>) {
  // Ticks may overlap: they have no key.
  const kept = event.trigger === 'schedule' ? ctx.stateOf<{ log: string[] }>('beat') : ctx.state;
  const state = (await kept.get()) ?? { log: [] };
  state.log.push(event.trigger === 'schedule' ? event.id : event.data.id);
  kept.set(state);
  if (event.trigger === 'schedule') return undefined;
  // Not read ahead: the pod asks for it.
  await ctx.stateOf(`${event.key}-beside`).get();
  ctx.emit('counted', event.key, { id: event.data.id, n: state.log.length });
  if (event.data.fail && ctx.attempt === 1) throw new Error('the first attempt fails');
  // Nobody waits for what comes of a webhook here: it may be what no answer can be.
  return event.trigger === 'webhook' ? BigInt(state.log.length) : { n: state.log.length };
}
