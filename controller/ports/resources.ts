import type { ClusterObject } from './objects.ts';

/**
 * Resources of ours in a cluster, as we write them: what is wished is written by people and by deploys, what was found by the server alone.
 * A write that is made over a state which is not the newest changes nothing and answers `conflict`: read again.
 */
export interface Resources {
  /** Where they are. */
  readonly namespace: string;
  /** Creates it or changes those fields of it that we own; what others own stays, or is refused. */
  apply(resource: WrittenResource): Promise<void>;
  /** Names of the functions of a context that are there, also of those that are not live. */
  functionsOf(context: string): Promise<readonly string[]>;
  /** Beside the annotations that it has. One that is not there stays so. */
  annotate(kind: ResourceKind, name: string, annotations: Readonly<Record<string, string>>): Promise<void>;
  /** Told to go; whoever put a finalizer on it comes first. One that is not there is gone. */
  remove(kind: ResourceKind, name: string): Promise<void>;
  writeStatus(object: ClusterObject, kind: ResourceKind, status: object): Promise<WriteResult>;
  setFinalizers(object: ClusterObject, kind: ResourceKind, finalizers: readonly string[]): Promise<WriteResult>;
  /** Something for `kubectl describe` and `kubectl events`; what cannot be told is not worth an error. */
  tell(object: ClusterObject, kind: ResourceKind, event: ResourceNote): Promise<void>;
}

export type ResourceKind = 'Context' | 'Function';
export type WriteResult = 'ok' | 'conflict';

/** Group and version of our resources. */
export const resourceApiVersion = 'faas.internal/v1';

/** On a resource that is to go, with the value `true`: state, inbox and dead letters go as well. */
export const deleteStateAnnotation = 'faas.internal/delete-state';

/** What the pods of a function carry, as labels: names of contexts and functions may be the values of labels. `unit`: `<context>.<function>`. */
export function labelsOf(unit: string): Readonly<Record<string, string>> {
  const [context = '', name = ''] = unit.split('.');
  return { 'faas.internal/context': context, 'faas.internal/function': name };
}

export interface WrittenResource {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly spec: object;
}

export interface ResourceNote {
  readonly type: 'Normal' | 'Warning';
  /** One word, or an error code. */
  readonly reason: string;
  readonly message: string;
  readonly atMs: number;
}
