import type { PartitionReport, UnitReport } from '../dispatch/dispatcher.ts';
import type { ProcessReport, UnitCallFigures } from './messages.ts';

interface Totals {
  busyMs: number;
  callsTaken: number;
}

/**
 * The reports of all processes as if they came from one. Totals that scaling compares from tick to tick only grow, though processes come, with what they have done
 * before, and go.
 */
export class ReportBook {
  readonly #latest = new Map<string, ProcessReport>();
  readonly #totals = new Map<string, Totals>();
  /** What follows from the reports is asked for several times a second, and seldom changes; undefined: to be made again. */
  #open: ReadonlyMap<string, number> | undefined;
  #units: readonly UnitReport[] | undefined;
  #inFlight: ReadonlyMap<string, number> | undefined;

  take(report: ProcessReport): void {
    const before = this.#latest.get(report.process);
    if (before === report) return;
    this.#latest.set(report.process, report);
    this.#changed();
    // What a process did before it was known here came in no tick of ours.
    if (before === undefined) return;
    const busyBefore = new Map(before.units.map(({ unit, busyMsTotal }) => [unit, busyMsTotal]));
    for (const { unit, busyMsTotal } of report.units) this.#totalsOf(unit).busyMs += grown(busyBefore.get(unit), busyMsTotal);
    const takenBefore = new Map(before.calls.map(({ unit, takenTotal }) => [unit, takenTotal]));
    for (const { unit, takenTotal } of report.calls) this.#totalsOf(unit).callsTaken += grown(takenBefore.get(unit), takenTotal);
  }

  /** The process is gone. */
  forget(process: string): void {
    this.#latest.delete(process);
    this.#changed();
  }

  /** One report for each function that any process reports. */
  units(): readonly UnitReport[] {
    this.#units ??= this.#joined();
    return this.#units;
  }

  #joined(): readonly UnitReport[] {
    const byUnit = new Map<string, UnitReport[]>();
    for (const { units } of this.#latest.values()) {
      for (const one of units) {
        const known = byUnit.get(one.unit);
        if (known === undefined) byUnit.set(one.unit, [one]);
        else known.push(one);
      }
    }
    return [...byUnit].map(([unit, reports]) => ({ ...joined(unit, reports), busyMsTotal: this.#totals.get(unit)?.busyMs ?? 0 }));
  }

  calls(unit: string): Omit<UnitCallFigures, 'unit'> {
    this.#open ??= sums([...this.#latest.values()].map(({ calls }) => new Map(calls.map(({ unit: of, open }) => [of, open]))));
    return { open: this.#open.get(unit) ?? 0, takenTotal: this.#totals.get(unit)?.callsTaken ?? 0 };
  }

  /** Pod id → events in flight on it, of all dispatchers. */
  inFlightByPod(): ReadonlyMap<string, number> {
    this.#inFlight ??= sums([...this.#latest.values()].flatMap(({ units }) => units.map(one => one.inFlightByPod)));
    return this.#inFlight;
  }

  /** Functions that are not live any more need no totals. */
  keep(units: ReadonlySet<string>): void {
    for (const unit of this.#totals.keys()) if (!units.has(unit)) this.#totals.delete(unit);
    this.#changed();
  }

  #changed(): void {
    this.#open = undefined;
    this.#units = undefined;
    this.#inFlight = undefined;
  }

  #totalsOf(unit: string): Totals {
    const found = this.#totals.get(unit);
    if (found !== undefined) return found;
    const totals = { busyMs: 0, callsTaken: 0 };
    this.#totals.set(unit, totals);
    return totals;
  }
}

/** A function that was removed and came back counts from 0. */
function grown(before: number | undefined, now: number): number {
  return before === undefined || now < before ? now : now - before;
}

function joined(unit: string, reports: readonly UnitReport[]): UnitReport {
  const sum = (figure: (report: UnitReport) => number): number => reports.reduce((total, one) => total + figure(one), 0);
  return {
    unit,
    waiting: sum(one => one.waiting),
    inFlight: sum(one => one.inFlight),
    finishedTotal: sum(one => one.finishedTotal),
    failedTotal: sum(one => one.failedTotal),
    deadLettersTotal: sum(one => one.deadLettersTotal),
    emitsTotal: sum(one => one.emitsTotal),
    busyMsTotal: 0,
    // To one of them all pods are full: they are, whatever the others have on them.
    isFull: reports.some(one => one.isFull),
    usablePods: sum(one => one.usablePods),
    inFlightByPod: sums(reports.map(one => one.inFlightByPod)),
    partitions: partitionsOf(reports),
    failing: reports.find(one => one.failing !== undefined)?.failing,
  };
}

/** While a partition changes hands two may report it: the one that is further has it now. */
function partitionsOf(reports: readonly UnitReport[]): readonly PartitionReport[] {
  const [only, ...others] = reports;
  if (only !== undefined && others.length === 0) return only.partitions;
  const byName = new Map<string, PartitionReport>();
  for (const report of reports) {
    for (const one of report.partitions) {
      const name = `${one.topic}.${one.partition}`;
      const other = byName.get(name);
      if (other === undefined || one.frontier > other.frontier) byName.set(name, one);
    }
  }
  return [...byName.values()];
}

function sums(figures: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const total = new Map<string, number>();
  for (const one of figures) for (const [name, value] of one) total.set(name, (total.get(name) ?? 0) + value);
  return total;
}
