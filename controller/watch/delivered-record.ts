import type { ClusterObject } from '../ports/objects.ts';
import type { Delivered } from './decide-delivery.ts';

const version = 1;

/** `<unit>/<trigger>`: when a trigger began. What was delivered of an object has its key after that. */
export function triggerKey(unit: string, triggerName: string): string {
  return `${unit}/${triggerName}`;
}

/** A space is in no name of a trigger or an object. */
export function deliveredKey(trigger: string, object: string): string {
  return `${trigger} ${object}`;
}

export function writeTrigger(sinceMs: number): Uint8Array {
  return encode({ version, sinceMs });
}

/** Undefined for what this version did not write: the trigger then begins anew. */
export function readTrigger(bytes: Uint8Array): number | undefined {
  const stored = decode(bytes);
  return stored?.version === version && typeof stored.sinceMs === 'number' ? stored.sinceMs : undefined;
}

export function writeDelivered({ count, object }: Delivered): Uint8Array {
  return encode({ version, count, object });
}

/** Undefined for what this version did not write: the object then counts as new. */
export function readDelivered(bytes: Uint8Array): Delivered | undefined {
  const stored = decode(bytes);
  if (stored?.version !== version || typeof stored.count !== 'number' || typeof stored.object !== 'object') return undefined;
  return { count: stored.count, object: stored.object as ClusterObject };
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function decode(
  bytes: Uint8Array,
): { readonly version?: unknown; readonly sinceMs?: unknown; readonly count?: unknown; readonly object?: unknown } | undefined {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  return typeof value === 'object' && value !== null ? value : undefined;
}
