import type { ClusterObject } from '../ports/objects.ts';
import type { Delivered } from './decide-delivery.ts';

const version = 1;
/** Without the kind in version 1. */
const triggerVersion = 2;

/** Of a trigger: when it began, and what its objects are. */
export interface TriggerRecord {
  readonly sinceMs: number;
  readonly apiVersion: string;
  readonly kind: string;
}

/** `<unit>/<trigger>`: the record of a trigger. What was delivered of an object has its key after that. */
export function triggerKey(unit: string, triggerName: string): string {
  return `${unit}/${triggerName}`;
}

/** A space is in no name of a trigger or an object. */
export function deliveredKey(trigger: string, object: string): string {
  return `${trigger} ${object}`;
}

export function writeTrigger({ sinceMs, apiVersion, kind }: TriggerRecord): Uint8Array {
  return encode({ version: triggerVersion, sinceMs, apiVersion, kind });
}

/** Undefined for what this version did not write: the trigger then begins anew. */
export function readTrigger(bytes: Uint8Array): TriggerRecord | undefined {
  const { version: stored, sinceMs, apiVersion, kind } = decode(bytes);
  if (stored !== triggerVersion || typeof sinceMs !== 'number') return undefined;
  return typeof apiVersion === 'string' && typeof kind === 'string' ? { sinceMs, apiVersion, kind } : undefined;
}

export function writeDelivered({ count, object }: Delivered): Uint8Array {
  return encode({ version, count, object });
}

/** Undefined for what this version did not write: the object then counts as new. */
export function readDelivered(bytes: Uint8Array): Delivered | undefined {
  const { version: stored, count, object } = decode(bytes);
  if (stored !== version || typeof count !== 'number' || typeof object !== 'object') return undefined;
  return { count, object: object as ClusterObject };
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function decode(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
