/**
 * Objects: the things of a cluster, followed as they change.
 *
 * Laws (the contract suite cites them by number):
 * O1 a follower is told all that is there first, and changes after that.
 * O2 of one object it is never told an older state after a newer one.
 * O3 what changed and what went while nobody could look is told as soon as somebody can: the last state, and the end. States in between may be left out.
 * O4 nothing more is told while the follower works on what it was told; what it could not take is told again.
 * O5 an object that leaves the selection is gone; one that has the name of an earlier one is told after the end of that.
 */
export interface Objects {
  /** Until the signal aborts; never gives up before. */
  follow(selection: ObjectSelection, follower: ObjectFollower, signal: AbortSignal): Promise<void>;
}

export interface ObjectSelection {
  /** `v1`, `apps/v1` */
  readonly apiVersion: string;
  readonly kind: string;
  /** undefined: all of them. */
  readonly namespace: string | undefined;
  /** A label selector. */
  readonly selector: string | undefined;
}

export interface ObjectFollower {
  changed(changes: readonly ObjectChange[]): Promise<void>;
  /** All that is there at this moment, after its changes were told. Comes first, and again whenever something may have been missed. */
  listed(objects: readonly ClusterObject[]): Promise<void>;
  /** Why nothing can be seen at the moment; undefined: it can. Told as often as it is found. */
  found(trouble: unknown): void;
}

export type ObjectChange =
  | { readonly kind: 'added'; readonly object: ClusterObject }
  | { readonly kind: 'modified'; readonly object: ClusterObject; readonly old: ClusterObject }
  | { readonly kind: 'deleted'; readonly object: ClusterObject };

/** What every object of a cluster has; the rest is its own business, read by whoever knows its kind. */
export interface ClusterObject {
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
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** `namespace/name`; an object outside of namespaces has the first part empty. */
export function objectKey({ metadata }: ClusterObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
