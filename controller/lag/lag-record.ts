import { createHash } from 'node:crypto';
import { canonicalJson } from '../manifest/canonical-json.ts';
import type { LagTrigger } from '../manifest/spec.ts';
import type { LagEvent } from './lag-event.ts';

/** What is remembered of a lag trigger across restarts, as JSON. */
export interface LagRecord {
  readonly isAbove: boolean;
  readonly sinceMs: number;
  /** The event of the last crossing, while it is not known to be in the inbox. */
  readonly pending: LagEvent | undefined;
}

const version = 1;

/** Another group, other topics or other bounds are another trigger, and begin anew. */
export function lagKey(unit: string, { group, topics, above, below }: LagTrigger): string {
  const hash = createHash('sha256').update(canonicalJson({ group, topics, above, below })).digest('hex');
  return `${unit}/${hash.slice(0, 16)}`;
}

export function writeRecord(record: LagRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ version, ...record }));
}

/** Undefined for what this version did not write: the trigger then begins anew, with a lag that is not above its bound. */
export function readRecord(bytes: Uint8Array | undefined): LagRecord | undefined {
  if (bytes === undefined) return undefined;
  const parsed = JSON.parse(new TextDecoder().decode(bytes)) as Partial<LagRecord> & { readonly version?: number };
  if (parsed.version !== version || typeof parsed.isAbove !== 'boolean' || typeof parsed.sinceMs !== 'number') return undefined;
  return { isAbove: parsed.isAbove, sinceMs: parsed.sinceMs, pending: parsed.pending };
}
