import type { Conditions } from '../conditions/conditions.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { Failing } from './breaker.ts';

/** Of an error's message in a condition. */
const errorCharsMax = 300;

/** The condition `Failing` of a function is what its breaker says. */
export function tellFailing(conditions: Conditions, { unit, revision }: LiveFunction, failing: Failing | undefined): void {
  if (failing === undefined) conditions.clear({ unit, type: 'Failing', place: '' });
  else if (failing.last !== undefined) {
    const { failed, of, last } = failing;
    const what = `${failed} of the last ${of} events failed under ${revision}: ${last.error.name}: ${last.error.message.slice(0, errorCharsMax)}`;
    const then = 'It is tried with single events and goes on by itself when they go well.';
    const message = `${what}. ${then} See faas logs ${unit}; deploy a mended revision, or faas rollback ${unit}.`;
    conditions.raise({ unit, type: 'Failing', place: '', reason: 'MassFailure', message });
  }
}
