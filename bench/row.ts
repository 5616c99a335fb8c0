import { isOnPath, type NeededService } from '../test/services/needed-service.ts';
import { median, percentile } from './statistics.ts';

/** One question, and the answers that belong side by side. */
export interface Row {
  readonly name: string;
  readonly measure: (options: RowOptions) => Promise<readonly RowResult[]>;
}

export interface RowOptions {
  readonly overloadMs: number;
  /** Pods that a function may have. */
  readonly podsMax: number;
}

export interface RowResult {
  readonly measure: string;
  readonly unit: string;
  /** Medians. */
  readonly ours: number;
  /** undefined: there is nothing to compare with. */
  readonly other: { readonly name: string; readonly value: number } | undefined;
  /** What is held against `wanted`: a ratio, or our own figure. */
  readonly figure: number;
  readonly wanted: { readonly relation: 'at least' | 'at most'; readonly value: number; readonly of: string } | undefined;
  readonly pods: number;
  readonly note?: string;
}

export type Measurement =
  | ({ readonly row: string; readonly outcome: 'reached' | 'missed' | 'measured' } & RowResult)
  | { readonly row: string; readonly outcome: 'skipped' | 'failed'; readonly measure: string; readonly reason: string };

/** A peer that is not on this machine; the message says how to get it. */
export class PeerMissing extends Error {}

/** Throws PeerMissing where a program of it is not here. */
export function requireService({ name, commands, howToGet }: NeededService): void {
  const missing = commands.filter(command => !isOnPath(command));
  if (missing.length > 0) throw new PeerMissing(`${name} needs ${missing.join(', ')} on the PATH: ${howToGet}`);
}

export async function runRow(row: Row, options: RowOptions): Promise<readonly Measurement[]> {
  try {
    return (await row.measure(options)).map(result => ({ row: row.name, outcome: outcomeOf(result), ...result }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [{ row: row.name, outcome: error instanceof PeerMissing ? 'skipped' : 'failed', measure: row.name, reason }];
  }
}

function outcomeOf({ figure, wanted }: RowResult): 'reached' | 'missed' | 'measured' {
  if (wanted === undefined) return 'measured';
  const reached = wanted.relation === 'at least' ? figure >= wanted.value : figure <= wanted.value;
  return reached ? 'reached' : 'missed';
}

/** What one measure answered in each turn, or why it could not be taken. */
export type Turns = readonly number[] | PeerMissing;

/**
 * Measures several things, one after the other, `turns` times: a machine that is slower for a minute is so for all of them. A peer that is missing is
 * asked once.
 */
export async function inTurns<Name extends string>(
  turns: number,
  measures: Readonly<Record<Name, (turn: number) => Promise<number>>>,
): Promise<Readonly<Record<Name, Turns>>> {
  const names = Object.keys(measures) as Name[];
  const taken = new Map<Name, number[] | PeerMissing>(names.map(name => [name, []]));
  for (let turn = 0; turn < turns; turn += 1) {
    for (const name of names) {
      const before = taken.get(name);
      if (before === undefined || before instanceof PeerMissing) continue;
      try {
        before.push(await measures[name](turn));
      } catch (error) {
        if (!(error instanceof PeerMissing)) throw error;
        taken.set(name, error);
      }
    }
  }
  return Object.fromEntries(taken) as Record<Name, Turns>;
}

/** Ours over theirs: the median of the ratios of the turns. */
export function ratioRow(
  measure: string,
  unit: string,
  ours: Turns,
  other: { readonly name: string; readonly turns: Turns },
  atLeast: number,
  pods: number,
): RowResult {
  if (ours instanceof PeerMissing) throw ours;
  const { name, turns: theirs } = other;
  const row = { measure, unit, ours: median(ours), pods };
  if (theirs instanceof PeerMissing)
    return { ...row, other: undefined, figure: row.ours, wanted: undefined, note: `peer skipped: ${theirs.message}` };
  const ratios = ours.map((value, turn) => value / (theirs[turn] ?? Number.NaN));
  const spread = ratios.length > 1 ? { note: spreadOf(ratios) } : {};
  const wanted = { relation: 'at least', value: atLeast, of: 'ratio' } as const;
  return { ...row, other: { name, value: median(theirs) }, figure: median(ratios), wanted, ...spread };
}

/** Our own figure against a bound. */
export function boundRow(measure: string, unit: string, ours: number, atMost: number, pods: number, note?: string): RowResult {
  const wanted = { relation: 'at most', value: atMost, of: unit } as const;
  return { measure, unit, ours, other: undefined, figure: ours, wanted, pods, ...(note === undefined ? {} : { note }) };
}

function spreadOf(ratios: readonly number[]): string {
  const text = (share: number): string => percentile(ratios, share).toPrecision(3);
  if (ratios.length <= spelledOutMax) return `ratios of the turns: ${ratios.map(ratio => ratio.toPrecision(3)).join(', ')}`;
  return `ratios of ${ratios.length} turns: from ${text(0)} to ${text(1)}, half of them from ${text(0.25)} to ${text(0.75)}`;
}

const spelledOutMax = 5;
