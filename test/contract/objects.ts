import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type ClusterObject,
  type ObjectChange,
  type ObjectFollower,
  type ObjectSelection,
  type Objects,
  objectKey,
} from '../../controller/ports/objects.ts';

/** A cluster that somebody else writes to: ConfigMaps of one namespace of its own. */
export interface ObjectsUnderTest {
  readonly objects: Objects;
  readonly namespace: string;
  put(name: string, data: Readonly<Record<string, string>>, labels?: Readonly<Record<string, string>>): Promise<void>;
  remove(name: string): Promise<void>;
  /** Nobody can look until it is over. */
  setAway(isAway: boolean): Promise<void>;
  /** Until it holds; at most ten seconds in the cluster's time. */
  until(holds: () => boolean): Promise<void>;
  close(): Promise<void>;
}

/** The laws O1 to O5 of controller/ports/objects.ts, for one adapter. */
export function objectsContract(adapter: string, open: () => Promise<ObjectsUnderTest>): void {
  describe(`objects on ${adapter}`, () => {
    let subject: ObjectsUnderTest;
    let ended: AbortController;
    let following: Promise<void>[];

    beforeEach(async () => {
      subject = await open();
      ended = new AbortController();
      following = [];
    });
    afterEach(async () => {
      ended.abort();
      await Promise.all(following);
      await subject.close();
    });

    function follow(more: Partial<ObjectSelection> = {}): Follower {
      const follower = new Follower();
      const selection = { apiVersion: 'v1', kind: 'ConfigMap', namespace: subject.namespace, selector: undefined, ...more };
      following.push(subject.objects.follow(selection, follower, ended.signal));
      return follower;
    }

    test('O1 what is there is told first, then what changes, then what goes', async () => {
      await subject.put('one', { v: '1' });
      await subject.put('two', { v: '1' });
      const follower = follow();
      await subject.until(() => follower.lists.length === 1);
      expect(follower.words.sort()).toEqual(['added one=1', 'added two=1']);
      expect(follower.lists).toEqual([['one', 'two']]);
      follower.words.length = 0;
      await subject.put('one', { v: '2' });
      await subject.until(() => follower.words.length === 1);
      await subject.remove('two');
      await subject.put('three', { v: '1' });
      await subject.until(() => follower.words.length === 3);
      expect(follower.words).toEqual(['modified one=2 was 1', 'deleted two=1', 'added three=1']);
    });

    test('O3 what happened while nobody could look is told after it: last states and ends', async () => {
      for (const name of ['kept', 'changed', 'gone', 'again']) await subject.put(name, { v: '1' });
      const follower = follow();
      await subject.until(() => follower.lists.length === 1);
      follower.words.length = 0;
      await subject.setAway(true);
      await subject.put('changed', { v: '2' });
      await subject.put('changed', { v: '3' });
      await subject.put('new', { v: '1' });
      await subject.remove('gone');
      await subject.remove('again');
      await subject.put('again', { v: '9' });
      await subject.setAway(false);
      await subject.until(() => follower.now().join() === 'again=9,changed=3,kept=1,new=1');
      const ofAgain = follower.words.filter(word => word.includes(' again='));
      expect(ofAgain).toEqual(['deleted again=1', 'added again=9']);
      expect(follower.words.filter(word => word.includes(' kept='))).toEqual([]);
      expect(follower.words.filter(word => word.includes(' gone='))).toEqual(['deleted gone=1']);
    });

    test('O4 what the follower could not take is told again, and nothing while it works', async () => {
      const follower = follow();
      await subject.until(() => follower.lists.length >= 1);
      follower.refuse = 2;
      await subject.put('one', { v: '1' });
      await subject.until(() => follower.now().join() === 'one=1');
      expect(follower.words).toEqual(['added one=1']);
      let release = (): void => {};
      follower.gate = new Promise(resolve => (release = resolve));
      await subject.put('two', { v: '1' });
      await subject.until(() => follower.waiting === 1);
      await subject.put('three', { v: '1' });
      await subject.remove('one');
      expect(follower.waiting).toBe(1);
      release();
      await subject.until(() => follower.now().join() === 'three=1,two=1');
    });

    test('O5 a selector is kept, and what leaves it is gone', async () => {
      await subject.put('in', { v: '1' }, { app: 'prices' });
      await subject.put('out', { v: '1' });
      const follower = follow({ selector: 'app=prices' });
      await subject.until(() => follower.lists.length === 1);
      expect(follower.now()).toEqual(['in=1']);
      await subject.put('out', { v: '2' }, { app: 'prices' });
      await subject.put('in', { v: '2' }, {});
      await subject.until(() => follower.now().join() === 'out=2');
    });

    test('law O2, O3: of many objects that change at once, each follower has the last state of each in the end', async () => {
      const [all, some] = [follow(), follow({ selector: 'app=prices' })];
      const writes = Array.from({ length: 20 }, async (_, lane) => {
        for (let i = lane; i < 60; i += 20) await subject.put(`m-${lane}`, { v: `${i}` }, (i + lane) % 3 === 0 ? { app: 'prices' } : {});
        if (lane >= 10) await subject.remove(`m-${lane}`);
      });
      await Promise.all(writes);
      await subject.put('last', { v: '1' }, { app: 'prices' });
      await subject.until(() => all.now().includes('last=1') && some.now().includes('last=1'));
      const selected = all.objects().filter(({ metadata }) => metadata.labels?.app === 'prices');
      expect(some.objects().map(objectKey).sort()).toEqual(selected.map(objectKey).sort());
    });
  });
}

/** Keeps what it is told, and notes whatever breaks a law. */
class Follower implements ObjectFollower {
  readonly words: string[] = [];
  readonly lists: string[][] = [];
  /** Throw at the next so many changes. */
  refuse = 0;
  gate: Promise<void> = Promise.resolve();
  waiting = 0;
  readonly #known = new Map<string, ClusterObject>();

  async changed(changes: readonly ObjectChange[]): Promise<void> {
    if (this.refuse > 0) {
      this.refuse -= 1;
      throw new Error('not now');
    }
    this.waiting += 1;
    await this.gate;
    this.waiting -= 1;
    for (const change of changes) {
      const key = objectKey(change.object);
      const known = this.#known.get(key);
      if (change.kind === 'added' && known !== undefined) throw new Error(`added twice: ${key}`);
      if (change.kind !== 'added' && known?.metadata.uid !== change.object.metadata.uid)
        throw new Error(`${change.kind} before added: ${key}`);
      if (change.kind === 'deleted') this.#known.delete(key);
      else this.#known.set(key, change.object);
      const was = change.kind === 'modified' ? ` was ${textOf(change.old)}` : '';
      this.words.push(`${change.kind} ${change.object.metadata.name}=${textOf(change.object)}${was}`);
    }
  }

  async listed(objects: readonly ClusterObject[]): Promise<void> {
    this.lists.push(objects.map(({ metadata }) => metadata.name).sort());
  }

  found(): void {}

  objects(): readonly ClusterObject[] {
    return [...this.#known.values()];
  }

  now(): readonly string[] {
    return this.objects()
      .map(object => `${object.metadata.name}=${textOf(object)}`)
      .sort();
  }
}

function textOf({ data }: ClusterObject): string {
  return typeof data === 'object' && data !== null && 'v' in data ? String(data.v) : '';
}
