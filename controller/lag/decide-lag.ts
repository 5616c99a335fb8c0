import type { LagTrigger } from '../manifest/spec.ts';

/** How far a group is behind, at one look. */
export interface LagFigures {
  readonly lagEvents: number;
  readonly oldestAgeMs: number;
  /** Nobody saw the log pass the oldest event: it may be older than `oldestAgeMs`. */
  readonly atLeast: boolean;
}

export type Crossing = 'above' | 'below';

/**
 * Whether the lag has crossed a bound since it was last said to have: up when it is above `above`, down when it is at `below` or less; between the two
 * nothing is said, so that a lag which wavers around one of them is one event. An age that is only known to be at least something takes nothing back.
 */
export function crossingOf(isAbove: boolean, figures: LagFigures, bounds: Pick<LagTrigger, 'above' | 'below'>): Crossing | undefined {
  if (!isAbove) return isOver(figures, bounds.above) ? 'above' : undefined;
  return isOver(figures, bounds.below) || ('ageMs' in bounds.below && figures.atLeast) ? undefined : 'below';
}

function isOver({ lagEvents, oldestAgeMs }: LagFigures, bound: LagTrigger['above']): boolean {
  return 'events' in bound ? lagEvents > bound.events : oldestAgeMs > bound.ageMs;
}
