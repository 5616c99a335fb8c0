/** What the functions tell each other about one event. */
export interface Activity {
  readonly repository: string;
  /** GitHub's name of the event: `push`, `issues`, … */
  readonly event: string;
}

/** Events that belong to no repository (an organisation's, an app's) are counted under this name. */
export const noRepository = '-';

/** All events have this key in the stream `totals`. */
export const everything = 'all';

/** Adds one under a name. The counts of a state are plain JSON, so a missing one is 0. */
export function countIn(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
