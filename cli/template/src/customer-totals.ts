import type { Context, FaasEvent } from 'faas';

interface Order {
  total: number;
}

export interface Totals {
  orders: number;
  sum: number;
  vip: boolean;
}

/** The key of an order is its customer, so `ctx.state` is what is known of that customer. */
export default async function customerTotals(event: FaasEvent<Order>, ctx: Context<Totals>): Promise<Totals> {
  const totals = (await ctx.state.get()) ?? { orders: 0, sum: 0, vip: false };
  totals.orders += 1;
  totals.sum += event.data.total;
  if (totals.sum > 1_000 && !totals.vip) {
    totals.vip = true;
    ctx.emit('vips', event.key, { sum: totals.sum });
  }
  ctx.state.set(totals);
  return totals;
}
