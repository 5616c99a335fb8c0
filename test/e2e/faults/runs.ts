/** How often a fault is tried: two times at most, and as often as it is promised in `npm run soak -- --servers`. */
export function runs(promised: number): number {
  return process.env.FAAS_SOAK === undefined ? Math.min(2, promised) : promised;
}
