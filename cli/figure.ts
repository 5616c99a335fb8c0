import type { ScaleSummary } from '../controller/api/scale-schema.ts';
import { duration } from './output.ts';

type Figure = ScaleSummary['backlogEvents'];

/** Not known is not zero. */
export function figure(one: Figure | undefined, print: (value: number) => string): string {
  return one === undefined || one.state === 'unknown' ? '?' : print(one.value);
}

/** How far figures can be trusted: as far as the worst of them. */
export function stateOf(figures: readonly Figure[]): string {
  if (figures.some(one => one.state === 'unknown')) return 'unknown';
  const ages = figures.flatMap(one => (one.state === 'stale' ? [one.ageMs] : []));
  return ages.length === 0 ? 'known' : `stale ${duration(Math.max(...ages))}`;
}
