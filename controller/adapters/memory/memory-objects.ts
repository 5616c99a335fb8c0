import type { Clock } from '../../clock.ts';
import {
  type ClusterObject,
  type ObjectChange,
  type ObjectFollower,
  type ObjectMeta,
  type ObjectSelection,
  type Objects,
  objectKey,
} from '../../ports/objects.ts';

/** What somebody writes; the rest is given by the cluster. */
export interface WrittenObject {
  readonly metadata: Pick<ObjectMeta, 'name'> & Partial<ObjectMeta>;
  readonly [field: string]: unknown;
}

const retryMs = 100;

/** The executable spec of objects: one kind of them, in a map. */
export class MemoryObjects implements Objects {
  readonly #clock: Clock;
  readonly #objects = new Map<string, ClusterObject>();
  readonly #wakers = new Set<() => void>();
  #version = 0;
  #isAway = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: string): ClusterObject | undefined {
    return this.#objects.get(key);
  }

  names(): readonly string[] {
    return [...this.#objects.values()].map(({ metadata }) => metadata.name);
  }

  /** Creates it, or puts it in the place of what is there. */
  put(written: WrittenObject): ClusterObject {
    this.#version += 1;
    const key = objectKey({ metadata: { uid: '', resourceVersion: '', ...written.metadata } });
    const uid = this.#objects.get(key)?.metadata.uid ?? `uid-${this.#version}`;
    const object = { ...written, metadata: { ...written.metadata, uid, resourceVersion: `${this.#version}` } };
    this.#objects.set(key, object);
    this.#wake();
    return object;
  }

  remove(key: string): void {
    this.#version += 1;
    this.#objects.delete(key);
    this.#wake();
  }

  /** Nobody sees anything until it is back. */
  setAway(isAway: boolean): void {
    this.#isAway = isAway;
    this.#wake();
  }

  async follow(selection: ObjectSelection, follower: ObjectFollower, signal: AbortSignal): Promise<void> {
    let known = new Map<string, ClusterObject>();
    let [seenVersion, wasAway] = [-1, true];
    while (!signal.aborted) {
      if (this.#isAway) {
        wasAway = true;
        follower.found(new Error('the cluster is away'));
      } else if (wasAway || seenVersion !== this.#version) {
        const version = this.#version;
        const there = new Map([...this.#objects].filter(([, object]) => isSelected(object, selection)));
        try {
          const changes = changesOf(known, there);
          if (changes.length > 0) await follower.changed(changes);
          if (wasAway) await follower.listed([...there.values()]);
          follower.found(undefined);
          [known, seenVersion, wasAway] = [there, version, false];
        } catch {
          await this.#clock.sleep(retryMs, signal);
        }
        continue;
      }
      await this.#changed(signal);
    }
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const wake = () => {
        this.#wakers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wakers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #wake(): void {
    for (const wake of [...this.#wakers]) wake();
  }
}

function changesOf(known: ReadonlyMap<string, ClusterObject>, there: ReadonlyMap<string, ClusterObject>): readonly ObjectChange[] {
  const changes: ObjectChange[] = [];
  for (const [key, object] of known) if (there.get(key)?.metadata.uid !== object.metadata.uid) changes.push({ kind: 'deleted', object });
  for (const [key, object] of there) {
    const old = known.get(key);
    if (old?.metadata.uid !== object.metadata.uid) changes.push({ kind: 'added', object });
    else if (old.metadata.resourceVersion !== object.metadata.resourceVersion) changes.push({ kind: 'modified', object, old });
  }
  return changes;
}

/** Of selectors it knows `label=value`. */
function isSelected({ metadata }: ClusterObject, { namespace, selector }: ObjectSelection): boolean {
  if (namespace !== undefined && metadata.namespace !== namespace) return false;
  const [label = '', value] = selector?.split('=') ?? [];
  return selector === undefined || metadata.labels?.[label] === value;
}
