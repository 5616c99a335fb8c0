import { isDeepStrictEqual } from 'node:util';
import type { ProcessReport, ReportDifference } from './messages.ts';

/** What `now` says that `before` did not; undefined where only the whole can say it. */
export function differenceOf(before: ProcessReport, now: ProcessReport): ReportDifference | undefined {
  if ((before.hosting === undefined) !== (now.hosting === undefined)) return undefined;
  return {
    hosting: isDeepStrictEqual(before.hosting, now.hosting) ? undefined : now.hosting,
    units: changed(before.units, now.units),
    unitsGone: gone(before.units, now.units),
    calls: changed(before.calls, now.calls),
    callsGone: gone(before.calls, now.calls),
  };
}

/** The report that `difference` was made of, but for the order of its functions: that of `before`, then what is new. The same object where nothing has changed. */
export function applied(before: ProcessReport, difference: ReportDifference): ProcessReport {
  const { hosting = before.hosting, units, unitsGone, calls, callsGone } = difference;
  const next = {
    process: before.process,
    hosting,
    units: merged(before.units, units, unitsGone),
    calls: merged(before.calls, calls, callsGone),
  };
  const isSame = next.hosting === before.hosting && next.units === before.units && next.calls === before.calls;
  return isSame ? before : next;
}

interface OfUnit {
  readonly unit: string;
}

function changed<One extends OfUnit>(before: readonly One[], now: readonly One[]): readonly One[] {
  if (isSame(before, now)) return [];
  const known = new Map(before.map(one => [one.unit, one]));
  return now.filter(one => {
    const other = known.get(one.unit);
    return other !== one && !isDeepStrictEqual(other, one);
  });
}

function gone(before: readonly OfUnit[], now: readonly OfUnit[]): readonly string[] {
  if (isSame(before, now)) return [];
  const left = new Set(now.map(({ unit }) => unit));
  return before.flatMap(({ unit }) => (left.has(unit) ? [] : [unit]));
}

/** Each second, of hundreds: whoever has nothing new to say says it with the same objects. */
function isSame(before: readonly OfUnit[], now: readonly OfUnit[]): boolean {
  return before.length === now.length && before.every((one, index) => one === now[index]);
}

function merged<One extends OfUnit>(before: readonly One[], changes: readonly One[], namesGone: readonly string[]): readonly One[] {
  if (changes.length === 0 && namesGone.length === 0) return before;
  const all = new Map(before.map(one => [one.unit, one]));
  for (const name of namesGone) all.delete(name);
  for (const one of changes) all.set(one.unit, one);
  return [...all.values()];
}
