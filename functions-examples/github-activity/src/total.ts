import type { Context, FaasEvent } from 'faas';
import { type Activity, everything } from './activity.ts';

/** A stream is ordered per key. Whoever wants one order of everything gives everything one key. */
export default function total(event: FaasEvent<Activity>, ctx: Context): void {
  ctx.emit('totals', everything, event.data);
}
