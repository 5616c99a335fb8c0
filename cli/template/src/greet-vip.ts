import type { Context, FaasEvent } from 'faas';

export default function greetVip(event: FaasEvent<{ sum: number }>, ctx: Context): void {
  ctx.log.info(`thank you, ${event.key}`, { sum: event.data.sum });
}
