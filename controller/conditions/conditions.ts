import type { ConditionType } from './condition-table.ts';

/** What is found of a function, by the duty that finds it. */
export interface Finding {
  /** `<context>.<function>` */
  readonly unit: string;
  readonly type: ConditionType;
  /** Where it holds: `<topic>.<partition>`, or '' for the whole function. The condition is over when it is cleared at each place. */
  readonly place: string;
  /** One word in CamelCase, or an error code: what people filter by. */
  readonly reason: string;
  /** What happened, in words, and what to do next. No keys, payloads or secrets. */
  readonly message: string;
}

/**
 * The conditions of functions, as duties tell them. Both calls return at once, may be repeated as often as one likes and cost nothing while
 * nothing changes: tell what you find each time you look, no need to remember what you told.
 */
export interface Conditions {
  raise(finding: Finding): void;
  clear(at: Pick<Finding, 'unit' | 'type' | 'place'>): void;
  /** Whether it holds now, also when an earlier process had found it. */
  holds(unit: string, type: ConditionType): boolean;
}

/** For tests and tools that look at no conditions. */
export const noConditions: Conditions = { raise() {}, clear() {}, holds: () => false };
