import type { ClusterObject } from '../../ports/objects.ts';

export type KubernetesObject = ClusterObject;

/**
 * `undefined` for anything that is not such an object: what the network brought is read here alone. Who manages which field is the API server's own business,
 * often half of an object, and left out.
 */
export function readObject(value: unknown): KubernetesObject | undefined {
  if (!isRecord(value) || !isRecord(value.metadata)) return undefined;
  const { managedFields, ...metadata } = value.metadata;
  const { name, uid, resourceVersion } = metadata;
  if (typeof name !== 'string' || typeof uid !== 'string' || typeof resourceVersion !== 'string') return undefined;
  return { ...value, metadata } as unknown as KubernetesObject;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
