/**
 * JSON with sorted keys and no white space: equal values give equal text, so it can be hashed. Properties that are undefined are left out, as in JSON.
 * Keys are sorted by UTF-16 units, as RFC 8785 has it.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([, held]) => held !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  // Object.fromEntries defines, so a key named `__proto__` stays a key. Integer-like keys come first whatever the order of insertion: the same for equal values.
  return Object.fromEntries(entries.map(([key, held]) => [key, sorted(held)]));
}
