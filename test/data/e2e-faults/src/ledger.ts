import { execFileSync } from 'node:child_process';
import type { Context, FaasEvent } from 'faas';

interface Order {
  readonly id: string;
  /** Another key, which gets one coin of this one. */
  readonly to?: string;
  /** Its handling takes so long. */
  readonly restMs?: number;
  /** It ends the process; it fails until the ledger is mended. */
  readonly trouble?: 'poison' | 'sick';
}

interface Account {
  /** Of each order: its id, when it was handled, in which attempt. */
  log: [id: string, atMs: number, attempt: number][];
  coins: number;
  count: number;
}

export default async function ledger(event: FaasEvent<Order>, ctx: Context<Account>) {
  const { id, to, restMs, trouble } = event.data;
  if (process.env.LEDGER === 'broken') throw new Error('this ledger handles nothing');
  // From outside: what a handler asks of its own process, the pod knows of.
  if (trouble === 'poison') execFileSync('kill', ['-9', `${process.pid}`]);
  if (trouble === 'sick' && process.env.LEDGER !== 'mended') throw new Error('this order cannot be handled yet');
  if (restMs !== undefined) await new Promise(resolve => setTimeout(resolve, restMs));
  const own = (await ctx.state.get()) ?? { log: [], coins: 0, count: 0 };
  own.log.push([id, Date.now(), ctx.attempt]);
  if (to !== undefined) own.coins -= 1;
  ctx.state.set(own);
  await ctx.state.increment('count');
  if (to !== undefined) {
    const other = (await ctx.stateOf(to).get()) ?? { log: [], coins: 0, count: 0 };
    other.coins += 1;
    ctx.stateOf(to).set(other);
  }
  ctx.emit('entries', event.key, { id, n: own.log.length });
  return { n: own.log.length };
}
