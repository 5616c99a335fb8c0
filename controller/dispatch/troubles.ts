import { conditionOfError } from '../conditions/condition-of-error.ts';
import type { ConditionType } from '../conditions/condition-table.ts';
import type { Conditions } from '../conditions/conditions.ts';
import { FaasError } from '../errors.ts';

/** What stores refuse one function, place by place, as its conditions: told when it happens, and over when the same thing goes well. */
export class Troubles {
  readonly #conditions: Conditions;
  readonly #unit: string;
  readonly #open = new Map<string, ConditionType>();

  constructor(conditions: Conditions, unit: string) {
    this.#conditions = conditions;
    this.#unit = unit;
  }

  met(place: string, error: unknown): void {
    const found = conditionOfError(error);
    if (found === undefined) return;
    if (this.#open.get(place) !== found.type) this.over(place);
    this.#open.set(place, found.type);
    this.#conditions.raise({ unit: this.#unit, place, ...found });
  }

  over(place: string): void {
    const type = this.#open.get(place);
    if (type === undefined) return;
    this.#open.delete(place);
    this.#conditions.clear({ unit: this.#unit, type, place });
  }

  /** Nothing is tried any more at places that begin so. */
  overAll(prefix: string): void {
    for (const place of [...this.#open.keys()]) if (place.startsWith(prefix)) this.over(place);
  }
}

/** There is no such topic now; there may be another one of its name in a moment. */
export function isTopicGone(error: unknown): boolean {
  return error instanceof FaasError && error.code === 'FAAS_STREAM_UNKNOWN_TOPIC';
}

/** What was read up to the session's position is not in the log that is there now. */
export function isOtherLog(error: unknown): boolean {
  return error instanceof FaasError && (error.code === 'FAAS_STREAM_OFFSET_BEYOND_END' || error.code === 'FAAS_STREAM_MADE_AGAIN');
}
