import { openingBalance, type SimEvent, units } from './workload.ts';

/** What a handler of the simulation may do; the state is JSON. */
export interface SimContext {
  readonly unit: string;
  readonly attempt: number;
  readonly healed: boolean;
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): void;
  emit(stream: string, key: string | null, data: unknown): void;
  start(unit: string, key: string | null, data: unknown): void;
  pause(ms: number): Promise<void>;
  /** Ends the pod. */
  crash(): Promise<never>;
}

export class HandlerError extends Error {
  readonly retryable: boolean;
  constructor(message: string, retryable: boolean) {
    super(message);
    this.retryable = retryable;
  }
}

/** What `mid` carries: the n-th event of its key, and which of its emits. */
export interface MidEvent {
  readonly id: string;
  readonly cause: string;
  readonly n: number;
}

export interface LedgerEvent {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** 0: the account had not enough. */
  readonly amount: number;
  readonly n: number;
}

export interface CountState {
  readonly log: readonly string[];
}
export interface AccountState {
  readonly balance: number;
  readonly sent: readonly string[];
}

export const noKey = 'no-key';
export const totalKey = 'total';

export async function handle(event: SimEvent, ctx: SimContext): Promise<void> {
  const { act } = event;
  if (act.kind === 'slow') await ctx.pause(act.forMs);
  if (act.kind === 'never') await ctx.pause(Number.MAX_SAFE_INTEGER);
  if (act.kind === 'hang' && ctx.attempt <= act.until) await ctx.pause(Number.MAX_SAFE_INTEGER);
  if (act.kind === 'poison') await ctx.crash();
  if (act.kind === 'ails' && act.crash && !ctx.healed) await ctx.crash();
  if (act.kind === 'refuse') throw new HandlerError('refused for good', false);
  if (ctx.unit === units.bank) await transfer(event, ctx);
  else await count(event, ctx);
  // After the effects: what a failed attempt wrote must not be seen.
  if (act.kind === 'ails' && !ctx.healed) throw new HandlerError('not yet', true);
  if (act.kind === 'throw' && ctx.attempt <= act.until) throw new HandlerError('not this time', true);
}

async function count(event: SimEvent, ctx: SimContext): Promise<void> {
  if (event.relay) {
    emitAll(event, 0, ctx);
    return;
  }
  const key = event.key ?? noKey;
  const { log } = asCount(await ctx.get(key));
  const next = [...log, event.id];
  ctx.set(key, { log: next });
  if (event.total) {
    await ctx.pause(1);
    const total = Number((await ctx.get(totalKey)) ?? 0);
    ctx.set(totalKey, total + 1);
  }
  if (ctx.unit === units.count) emitAll(event, next.length, ctx);
}

/** `n`: which event of its key it is; 0 where nobody counted. */
function emitAll(event: SimEvent, n: number, ctx: SimContext): void {
  for (let i = 0; i < event.emits; i += 1) {
    const data: MidEvent = { id: `${event.id}#${i}`, cause: event.id, n };
    ctx.emit('mid', event.key, data);
  }
  if (event.start) ctx.start(units.tail, event.key, { id: `${event.id}#start`, cause: event.id, n });
}

async function transfer(event: SimEvent, ctx: SimContext): Promise<void> {
  if (event.transfer === undefined || event.key === null) return;
  const { to } = event.transfer;
  const source = asAccount(await ctx.get(event.key));
  const amount = Math.min(event.transfer.amount, source.balance);
  await ctx.pause(1);
  ctx.set(event.key, { balance: source.balance - amount, sent: [...source.sent, event.id] });
  const target = asAccount(await ctx.get(to));
  ctx.set(to, { ...target, balance: target.balance + amount });
  const data: LedgerEvent = { id: event.id, from: event.key, to, amount, n: source.sent.length + 1 };
  ctx.emit('ledger', event.key, data);
}

export function asCount(value: unknown): CountState {
  return isRecord(value) && Array.isArray(value.log) ? { log: value.log.map(String) } : { log: [] };
}

export function asAccount(value: unknown): AccountState {
  if (!isRecord(value) || !Array.isArray(value.sent)) return { balance: openingBalance, sent: [] };
  return { balance: Number(value.balance), sent: value.sent.map(String) };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
