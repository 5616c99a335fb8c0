import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../clock.ts';
import { FaasError } from '../../errors.ts';
import type { ClusterObject, ObjectFollower, ObjectMeta, ObjectSelection, Objects } from '../../ports/objects.ts';
import type { ResourceKind, ResourceNote, Resources, WriteResult, WrittenResource } from '../../ports/resources.ts';
import { MemoryObjects } from './memory-objects.ts';

type Change = { readonly metadata?: Partial<ObjectMeta>; readonly spec?: object; readonly status?: object };

/** The executable spec of our resources: one namespace of them, in maps, with what an API server does about generations, versions and finalizers. */
export class MemoryResources implements Resources, Objects {
  readonly namespace = 'faas';
  /** All notes, the oldest first. */
  readonly notes: ResourceNote[] = [];
  readonly #clock: Clock;
  readonly #objects: Readonly<Record<ResourceKind, MemoryObjects>>;
  #isAway = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#objects = { Context: new MemoryObjects(clock), Function: new MemoryObjects(clock) };
  }

  /** Nobody reads or writes anything until it is back. */
  setAway(isAway: boolean): void {
    this.#isAway = isAway;
    for (const objects of Object.values(this.#objects)) objects.setAway(isAway);
  }

  get(kind: ResourceKind, name: string): ClusterObject | undefined {
    return this.#objects[kind].get(this.#key(name));
  }

  follow(selection: ObjectSelection, follower: ObjectFollower, signal: AbortSignal): Promise<void> {
    return this.#objects[selection.kind === 'Context' ? 'Context' : 'Function'].follow(selection, follower, signal);
  }

  async apply({ kind, name, spec }: WrittenResource): Promise<void> {
    this.#reach();
    const before = this.get(kind, name);
    if (before !== undefined && isDeepStrictEqual(before.spec, spec)) return;
    this.#put(kind, name, { spec, metadata: { generation: (before?.metadata.generation ?? 0) + 1 } });
  }

  async functionsOf(context: string): Promise<readonly string[]> {
    this.#reach();
    return this.#objects.Function.names().filter(name => name.startsWith(`${context}.`));
  }

  async annotate(kind: ResourceKind, name: string, annotations: Readonly<Record<string, string>>): Promise<void> {
    this.#reach();
    const before = this.get(kind, name);
    if (before !== undefined) this.#put(kind, name, { metadata: { annotations: { ...before.metadata.annotations, ...annotations } } });
  }

  async remove(kind: ResourceKind, name: string): Promise<void> {
    this.#reach();
    const before = this.get(kind, name);
    if (before === undefined || before.metadata.deletionTimestamp !== undefined) return;
    this.#put(kind, name, { metadata: { deletionTimestamp: new Date(this.#clock.now()).toISOString() } });
  }

  async writeStatus(object: ClusterObject, kind: ResourceKind, status: object): Promise<WriteResult> {
    return this.#over(object, kind, { status });
  }

  async setFinalizers(object: ClusterObject, kind: ResourceKind, finalizers: readonly string[]): Promise<WriteResult> {
    return this.#over(object, kind, { metadata: { finalizers } });
  }

  async tell(_object: ClusterObject, _kind: ResourceKind, note: ResourceNote): Promise<void> {
    if (!this.#isAway) this.notes.push(note);
  }

  #over({ metadata }: ClusterObject, kind: ResourceKind, change: Change): WriteResult {
    this.#reach();
    if (this.get(kind, metadata.name)?.metadata.resourceVersion !== metadata.resourceVersion) return 'conflict';
    this.#put(kind, metadata.name, change);
    return 'ok';
  }

  /** What is to go goes with its last finalizer. */
  #put(kind: ResourceKind, name: string, { metadata, ...fields }: Change): void {
    const before = this.get(kind, name);
    const written = this.#objects[kind].put({
      ...before,
      ...fields,
      metadata: { ...before?.metadata, ...metadata, name, namespace: this.namespace },
    });
    const { deletionTimestamp, finalizers = [] } = written.metadata;
    if (deletionTimestamp !== undefined && finalizers.length === 0) this.#objects[kind].remove(this.#key(name));
  }

  #key(name: string): string {
    return `${this.namespace}/${name}`;
  }

  #reach(): void {
    if (this.#isAway) throw new FaasError('FAAS_KUBERNETES_UNREACHABLE', 'the API server did not answer', 'It is tried again.');
  }
}
