import type { Conditions } from '../conditions/conditions.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { Failing } from './breaker.ts';

/** Of an error's message in a condition. */
const errorCharsMax = 300;

/** The condition `Failing` of a function is what its breaker says. */
export function tellFailing(conditions: Conditions, { unit, revision }: LiveFunction, failing: Failing | undefined): void {
  if (failing === undefined) conditions.clear({ unit, type: 'Failing', place: '' });
  else if (failing.last !== undefined) {
    const { last } = failing;
    const what = `${whatFailed(failing, revision)}: ${last.error.name}: ${last.error.message.slice(0, errorCharsMax)}`;
    const then = 'It is tried with single events and goes on by itself when they go well.';
    const message = `${what}. ${then} See faas logs ${unit}; deploy a mended revision, or faas rollback ${unit}.`;
    conditions.raise({ unit, type: 'Failing', place: '', reason: 'MassFailure', message });
  }
}

/** The last events may have failed under a revision that is not live any more; single events fail under the one that is. */
function whatFailed({ failed, of, under, probesFailed }: Failing, live: string): string {
  const those =
    under === undefined ? 'nearly all events failed before the server started' : `${failed} of the last ${of} events failed under ${under}`;
  if (under === live || probesFailed === 0) return those;
  return `${those}, and ${probesFailed} single ${probesFailed === 1 ? 'event' : 'events'} since then under ${live}`;
}
