/** What every object of the API server has; the rest is its own business, read by whoever knows its kind. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  /** Opaque: compared for equality, never for order. */
  readonly resourceVersion: string;
  /** Counts changes of the specification; absent on kinds that do not count. */
  readonly generation?: number;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** `undefined` for anything that is not such an object: what the network brought is read here alone. */
export function readObject(value: unknown): KubernetesObject | undefined {
  if (!isRecord(value) || !isRecord(value.metadata)) return undefined;
  const { name, uid, resourceVersion } = value.metadata;
  if (typeof name !== 'string' || typeof uid !== 'string' || typeof resourceVersion !== 'string') return undefined;
  return value as unknown as KubernetesObject;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
