import type { FaasEvent } from 'faas';

/** Reads its payload and does nothing with it: what is measured is the way there and back. */
export default function stateless(event: FaasEvent<{ readonly total: number }>): void {
  if (event.data.total < 0) throw new Error('no order has a negative total');
}
