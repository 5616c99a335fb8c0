import type { Context, FaasEvent } from 'faas';

/** A counter per key, and one emit for each event. */
export default async function count(event: FaasEvent<{ readonly total: number }>, ctx: Context<{ count: number }>): Promise<void> {
  const state = (await ctx.state.get()) ?? { count: 0 };
  state.count += 1;
  ctx.state.set(state);
  ctx.emit('counted', event.key, { count: state.count });
}
