/** A measured value and how far it can be trusted. Unknown is never read as zero, and stale never takes a pod away. */
export type Figure =
  | { readonly state: 'known'; readonly value: number }
  | { readonly state: 'stale'; readonly value: number; readonly ageMs: number }
  | { readonly state: 'unknown' };

export const unknown: Figure = { state: 'unknown' };

export function known(value: number): Figure {
  return { state: 'known', value };
}

/** What was measured `ageMs` ago: good for a while, then stale. A malformed value is unknown, whoever measured it. */
export function measured(value: number | undefined, ageMs: number, goodForMs: number): Figure {
  if (value === undefined || !Number.isFinite(value) || value < 0) return unknown;
  return ageMs <= goodForMs ? known(value) : { state: 'stale', value, ageMs };
}

export function amountOf(figure: Figure): number | undefined {
  return figure.state === 'unknown' ? undefined : figure.value;
}
