import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KubernetesObject } from '../../../controller/adapters/kubernetes/kubernetes-object.ts';
import { WatchedObjects } from '../../../controller/adapters/kubernetes/watched-objects.ts';
import { type ObjectChange, objectKey } from '../../../controller/ports/objects.ts';

const object = (name: string, resourceVersion: number, uid = name): KubernetesObject => ({
  metadata: { name, uid, resourceVersion: `${resourceVersion}` },
});
const words = (changes: readonly ObjectChange[]) =>
  changes.map(({ kind, object: { metadata } }) => `${kind} ${metadata.name}@${metadata.resourceVersion}`);

describe('watched objects', () => {
  test('a first list adds all of it, the same list again says nothing', () => {
    const objects = new WatchedObjects();
    expect(words(objects.listed([object('a', 1), object('b', 2)], '5'))).toEqual(['added a@1', 'added b@2']);
    expect(words(objects.listed([object('a', 1), object('b', 2)], '6'))).toEqual([]);
    expect(objects.resourceVersion).toBe('6');
  });

  test('a list after a break tells what was missed: changes, additions and deletions', () => {
    const objects = new WatchedObjects();
    objects.listed([object('a', 1), object('b', 2), object('c', 3)], '5');
    expect(words(objects.listed([object('b', 2), object('c', 7), object('d', 8)], '9'))).toEqual([
      'deleted a@1',
      'modified c@7',
      'added d@8',
    ]);
  });

  test('a name with another uid is another object', () => {
    const objects = new WatchedObjects();
    objects.listed([object('a', 1, 'first')], '5');
    expect(words(objects.listed([object('a', 9, 'second')], '9'))).toEqual(['deleted a@1', 'added a@9']);
    expect(words(objects.framed({ kind: 'modified', object: object('a', 12, 'third') }))).toEqual(['deleted a@9', 'added a@12']);
  });

  test('a watch that repeats what is known says nothing', () => {
    const objects = new WatchedObjects();
    objects.listed([object('a', 1)], '5');
    expect(objects.framed({ kind: 'added', object: object('a', 1) })).toEqual([]);
    expect(objects.framed({ kind: 'deleted', object: object('x', 6) })).toEqual([]);
  });

  test('a bookmark moves the version alone; too old forgets it and keeps what is known', () => {
    const objects = new WatchedObjects();
    objects.listed([object('a', 1)], '5');
    objects.framed({ kind: 'bookmark', resourceVersion: '50' });
    expect(objects.resourceVersion).toBe('50');
    objects.framed({ kind: 'gone' });
    expect(objects.resourceVersion).toBeUndefined();
    expect(objects.objects).toEqual([object('a', 1)]);
  });

  /** A cluster of three names, watched with breaks at any place: whoever follows the changes holds what the cluster holds, and saw no older state after a newer one. */
  test('following the changes gives the cluster, whatever was missed', () => {
    const steps = fc.array(
      fc.record({ name: fc.constantFrom('a', 'b', 'c'), action: fc.constantFrom('set', 'set', 'delete', 'break', 'gone') }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, all => {
        const cluster = new Map<string, KubernetesObject>();
        const followed = new Map<string, KubernetesObject>();
        const objects = new WatchedObjects();
        let version = 0;
        let watching = false;
        const follow = (changes: readonly ObjectChange[]) => {
          for (const { kind, object: now } of changes) {
            const before = followed.get(objectKey(now));
            expect(kind === 'added').toBe(before === undefined);
            if (before !== undefined)
              expect(Number(now.metadata.resourceVersion)).toBeGreaterThanOrEqual(Number(before.metadata.resourceVersion));
            if (kind === 'deleted') followed.delete(objectKey(now));
            else followed.set(objectKey(now), now);
          }
        };
        const list = () => follow(objects.listed([...cluster.values()], `${version}`));
        for (const { name, action } of all) {
          version += 1;
          const old = cluster.get(`/${name}`);
          if (action === 'break') watching = false;
          else if (action === 'gone') {
            if (watching) follow(objects.framed({ kind: 'gone' }));
            list();
            watching = true;
          } else if (action === 'delete' && old !== undefined) {
            cluster.delete(`/${name}`);
            if (watching) follow(objects.framed({ kind: 'deleted', object: object(name, version, old.metadata.uid) }));
          } else if (action === 'set') {
            const next = object(name, version, old?.metadata.uid ?? `${name}${version}`);
            cluster.set(`/${name}`, next);
            if (watching) follow(objects.framed({ kind: old === undefined ? 'added' : 'modified', object: next }));
          }
        }
        list();
        expect([...followed.values()].sort(byName)).toEqual([...cluster.values()].sort(byName));
      }),
    );
  });
});

function byName(a: KubernetesObject, b: KubernetesObject): number {
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
