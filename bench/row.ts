import { isOnPath, type NeededService } from '../test/services/needed-service.ts';

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

/** Both figures as a ratio, ours over theirs. */
export function ratioRow(
  measure: string,
  unit: string,
  ours: number,
  other: { readonly name: string; readonly value: number },
  atLeast: number,
  pods: number,
): RowResult {
  return { measure, unit, ours, other, figure: ours / other.value, wanted: { relation: 'at least', value: atLeast, of: 'ratio' }, pods };
}

/** Our own figure against a bound. */
export function boundRow(measure: string, unit: string, ours: number, atMost: number, pods: number, note?: string): RowResult {
  const wanted = { relation: 'at most', value: atMost, of: unit } as const;
  return { measure, unit, ours, other: undefined, figure: ours, wanted, pods, ...(note === undefined ? {} : { note }) };
}
