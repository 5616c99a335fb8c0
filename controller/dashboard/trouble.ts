import type { LiveFunction } from '../api/live-schema.ts';

/** How much a function wants to be looked at, most first. */
export type Trouble = 'failing' | 'late' | 'warning' | 'unknown' | 'busy' | 'quiet' | 'idle';

const order: readonly Trouble[] = ['failing', 'late', 'warning', 'unknown', 'busy', 'quiet', 'idle'];

/** Conditions under which nothing goes on, or state is at stake. */
const grave: ReadonlySet<string> = new Set([
  'Failing',
  'Halted',
  'Stuck',
  'Blocked',
  'StreamUnreachable',
  'StateUnreachable',
  'TopicMissing',
  'NotAuthorised',
  'StoreRefused',
]);
/** From this part of its bound on an age is worth a look. */
const closeTo = 0.6;

export function troubleOf(one: LiveFunction): Trouble {
  if (one.conditions.some(condition => grave.has(condition.type))) return 'failing';
  const age = one.oldestAgeMs ?? 0;
  if (age > one.maxAgeMs) return 'late';
  if (one.conditions.length > 0 || age > one.maxAgeMs * closeTo) return 'warning';
  if (one.backlogEvents === undefined) return 'unknown';
  if (one.backlogEvents > 0 || (one.finishedRate ?? 0) > 0) return 'busy';
  return one.pods.ready > 0 ? 'quiet' : 'idle';
}

/** Trouble first; within the same, by name, so that rows stay where they are while figures move. */
export function byTrouble(functions: readonly LiveFunction[]): readonly LiveFunction[] {
  const ranked = functions.map(one => ({ one, rank: rankOf(troubleOf(one)) }));
  ranked.sort((a, b) => a.rank - b.rank || (a.one.unit < b.one.unit ? -1 : 1));
  return ranked.map(({ one }) => one);
}

/** What moves within a rank moves often: busy, quiet and idle functions are one rank, or rows would jump with each pause. */
function rankOf(trouble: Trouble): number {
  return Math.min(order.indexOf(trouble), order.indexOf('busy'));
}

export const troubleText: Readonly<Record<Trouble, string>> = {
  failing: 'Failing',
  late: 'Late',
  warning: 'Attention',
  unknown: 'No figures',
  busy: 'Busy',
  quiet: 'Quiet',
  idle: 'Asleep',
};
