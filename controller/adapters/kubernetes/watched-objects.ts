import { type ObjectChange, objectKey } from '../../ports/objects.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { WatchFrame } from './watch-frames.ts';

/**
 * What is known of a set of objects: lists and frames in, changes out. Whoever follows it sees for each object a first state, then later ones, then its end, however
 * often the watch broke and whatever was missed in between; never an older state after a newer one.
 *
 * Not promised: each state in between. Two changes while nobody watched are one.
 */
export class WatchedObjects {
  /** By `namespace/name`. */
  readonly #known = new Map<string, KubernetesObject>();
  #resourceVersion: string | undefined;

  /** From which a watch goes on; undefined: a list comes first. */
  get resourceVersion(): string | undefined {
    return this.#resourceVersion;
  }

  /** In the order of their first states. */
  get objects(): readonly KubernetesObject[] {
    return [...this.#known.values()];
  }

  /** A whole list: what it lacks has been deleted, and so has an object whose name now has another uid. */
  listed(items: readonly KubernetesObject[], resourceVersion: string): readonly ObjectChange[] {
    const listed = new Map(items.map(item => [objectKey(item), item]));
    const changes: ObjectChange[] = [];
    for (const [key, object] of this.#known) {
      if (listed.has(key)) continue;
      this.#known.delete(key);
      changes.push({ kind: 'deleted', object });
    }
    for (const object of listed.values()) changes.push(...this.#set(object));
    this.#resourceVersion = resourceVersion;
    return changes;
  }

  /** One frame of a watch that began at {@link resourceVersion}. After `gone` a list comes first; after `refused` the same watch may be tried again. */
  framed(frame: WatchFrame): readonly ObjectChange[] {
    switch (frame.kind) {
      case 'bookmark':
        this.#resourceVersion = frame.resourceVersion;
        return [];
      case 'gone':
        this.#resourceVersion = undefined;
        return [];
      case 'refused':
        return [];
      case 'deleted':
        this.#resourceVersion = frame.object.metadata.resourceVersion;
        return this.#known.delete(objectKey(frame.object)) ? [{ kind: 'deleted', object: frame.object }] : [];
      case 'added':
      case 'modified':
        this.#resourceVersion = frame.object.metadata.resourceVersion;
        return this.#set(frame.object);
    }
  }

  /** The same state again is no change: a list after a break brings mostly those. */
  #set(object: KubernetesObject): ObjectChange[] {
    const key = objectKey(object);
    const old = this.#known.get(key);
    this.#known.set(key, object);
    if (old === undefined) return [{ kind: 'added', object }];
    if (old.metadata.uid !== object.metadata.uid)
      return [
        { kind: 'deleted', object: old },
        { kind: 'added', object },
      ];
    if (old.metadata.resourceVersion === object.metadata.resourceVersion) return [];
    return [{ kind: 'modified', object, old }];
  }
}
