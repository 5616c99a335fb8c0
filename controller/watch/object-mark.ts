import { createHash } from 'node:crypto';
import { canonicalJson } from '../manifest/canonical-json.ts';
import type { ClusterObject } from '../ports/objects.ts';

/**
 * What of an object says that it has changed: two states with the same mark are one to the function. With `fields` (JSON pointers) their values; else the
 * generation, where the kind counts one; else everything but `status` and what the API server keeps for itself.
 */
export function objectMark(object: ClusterObject, fields: readonly string[]): string {
  if (fields.length > 0) return digest(fields.map(pointer => valueAt(object, pointer) ?? null));
  const { generation, labels, annotations } = object.metadata;
  if (generation !== undefined) return `g${generation}`;
  const { apiVersion, kind, metadata, status, ...rest } = object;
  return digest({ ...rest, metadata: { labels: labels ?? {}, annotations: annotations ?? {} } });
}

/** Of the same object, by generation: kinds without one have no order that we may look at. */
export function isOlder(object: ClusterObject, than: ClusterObject): boolean {
  const [a, b] = [object.metadata.generation, than.metadata.generation];
  return a !== undefined && b !== undefined && a < b;
}

function digest(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16);
}

function valueAt(object: unknown, pointer: string): unknown {
  let at = object;
  for (const step of pointer.slice(1).split('/')) {
    if (typeof at !== 'object' || at === null) return undefined;
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    at = Object.hasOwn(at, name) ? Reflect.get(at, name) : undefined;
  }
  return at;
}
