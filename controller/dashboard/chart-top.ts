/** What of a line decides how high the axis goes. */
export interface Measured {
  readonly values: readonly (number | null)[];
  /** A bound that may lie far above all else, and then leaves the picture. */
  readonly mayLeave?: boolean;
}

/** A bound is in the picture up to so many times the highest of the other lines. */
const leaveAt = 4;
const headroom = 1.15;

/** Where the axis ends, the lowest being 0: what happens has to be seen, also where a bound is a hundred times as high. */
export function topOf(lines: readonly Measured[]): number {
  const firm = highest(lines.filter(line => line.mayLeave !== true));
  const all = highest(lines);
  const top = firm > 0 ? Math.min(all, firm * leaveAt) : all;
  return top > 0 ? top * headroom : 1;
}

function highest(lines: readonly Measured[]): number {
  let most = 0;
  for (const { values } of lines) for (const value of values) most = Math.max(most, value ?? 0);
  return most;
}
