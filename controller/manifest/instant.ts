/** A point in time with its zone, RFC 3339: `2026-01-31T06:00:00Z`, `2026-01-31T06:00+02:00` → milliseconds since the epoch; undefined for anything else. */
export function parseInstant(text: string): number | undefined {
  const match = /^(\d{4}-\d{2}-(\d{2}))T(\d{2}):\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/.exec(text);
  if (match === null || Number(match[3]) > 23) return undefined;
  const day = Date.parse(`${match[1]}T00:00:00Z`);
  // Date.parse takes the 31st of February for the 3rd of March.
  if (Number.isNaN(day) || new Date(day).getUTCDate() !== Number(match[2])) return undefined;
  const instant = Date.parse(text);
  return Number.isNaN(instant) ? undefined : instant;
}

export function printInstant(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
