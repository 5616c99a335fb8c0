import type { BenchEvent } from './faas-server.ts';

/** About 100 bytes of JSON. */
export function orderOf(index: number): { readonly id: number; readonly customer: string; readonly total: number; readonly note: string } {
  return { id: index, customer: `customer-${index % 1000}`, total: (index * 7919) % 10_000, note: 'x'.repeat(40) };
}

export function orders(count: number): readonly BenchEvent[] {
  return Array.from({ length: count }, (_, index) => ({ key: `customer-${index % 1000}`, data: orderOf(index) }));
}
