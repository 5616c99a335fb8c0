import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ClusterObject } from '../../controller/ports/objects.ts';
import { type Delivered, type Delivery, decideGone, decidePresent } from '../../controller/watch/decide-delivery.ts';
import { objectMark } from '../../controller/watch/object-mark.ts';

const all = { events: ['added', 'modified', 'deleted'], fields: [] } as const;

const object = (uid: string, generation: number | undefined, more: Record<string, unknown> = {}): ClusterObject => ({
  ...more,
  metadata: { name: 'a', namespace: 'n', uid, resourceVersion: `${generation}`, ...(generation === undefined ? {} : { generation }) },
});

const words = (deliveries: readonly Delivery[]) =>
  deliveries.map(
    ({ event, object: { metadata }, old, count }) =>
      `${event} ${metadata.uid}.${metadata.generation} after ${old?.metadata.generation} #${count}`,
  );

describe('what is told of an object', () => {
  const known: Delivered = { count: 3, object: object('u', 7) };
  test.each<[string, Delivered | undefined, ClusterObject, string[]]>([
    ['the first state', undefined, object('u', 1), ['added u.1 after undefined #1']],
    ['the same generation again', known, object('u', 7, { status: { ready: true } }), []],
    ['a newer generation', known, object('u', 8), ['modified u.8 after 7 #4']],
    ['an older generation', known, object('u', 6), []],
    ['another object of the same name', known, object('v', 1), ['deleted u.7 after 7 #4', 'added v.1 after undefined #1']],
  ])('%s', (_, before, now, expected) => expect(words(decidePresent(before, now, all).deliveries)).toEqual(expected));

  test('its end, once, with the last state that somebody saw', () => {
    expect(words(decideGone(known, object('u', 9), all).deliveries)).toEqual(['deleted u.9 after 7 #4']);
    expect(words(decideGone(known, undefined, all).deliveries)).toEqual(['deleted u.7 after 7 #4']);
    expect(decideGone(undefined, object('u', 9), all)).toEqual({ deliveries: [], delivered: undefined });
    expect(decideGone(known, object('before', 9), all)).toEqual({ deliveries: [], delivered: undefined });
  });

  test('what is not wanted is remembered all the same', () => {
    const ends = { ...all, events: ['deleted'] as const };
    expect(decidePresent(known, object('u', 8), ends)).toEqual({ deliveries: [], delivered: { count: 4, object: object('u', 8) } });
  });
});

describe('what says that an object has changed', () => {
  const pod = (more: Record<string, unknown>) => object('u', 4, more);
  const map = (more: Record<string, unknown>) => object('u', undefined, more);
  test.each<[string, boolean, ClusterObject, ClusterObject, string[]]>([
    ['status, of a kind with generations', false, pod({ status: 1 }), pod({ status: 2 }), []],
    ['status, of a kind without', false, map({ status: 1 }), map({ status: 2 }), []],
    ['data, of a kind without', true, map({ data: { a: '1' } }), map({ data: { a: '2' } }), []],
    ['the order of data', false, map({ data: { a: 1, b: 2 } }), map({ data: { b: 2, a: 1 } }), []],
    ['a field of the status that was asked for', true, pod({ status: { phase: 'A' } }), pod({ status: { phase: 'B' } }), ['/status/phase']],
    ['another field of it', false, pod({ status: { at: 1 } }), pod({ status: { at: 2 } }), ['/status/phase']],
    ['a field that appears', true, pod({}), pod({ status: { phase: 'B' } }), ['/status/phase']],
    ['a label with a slash, asked for', true, labelled('1'), labelled('2'), ['/metadata/labels/a~1b']],
    ['a label, of a kind without generations', true, labelled('1'), labelled('2'), []],
  ])('%s: %s', (_, isChange, a, b, fields) => expect(objectMark(a, fields) !== objectMark(b, fields)).toBe(isChange));
});

function labelled(value: string): ClusterObject {
  return { metadata: { name: 'a', uid: 'u', resourceVersion: value, labels: { 'a/b': value } } };
}

/** A life of one name: each entry is a state that the cluster had, or that there was none. */
type Life = readonly ('create' | 'change' | 'heartbeat' | 'delete')[];

function statesOf(life: Life): readonly (ClusterObject | undefined)[] {
  let [uid, generation, beat] = [0, 0, 0];
  let isThere = false;
  return life.map(step => {
    if (step === 'create' && !isThere) [uid, generation, isThere] = [uid + 1, 1, true];
    else if (step === 'change' && isThere) generation += 1;
    else if (step === 'delete') isThere = false;
    beat += 1;
    return isThere ? object(`u${uid}`, generation, { status: beat }) : undefined;
  });
}

test('law: whatever is seen, repeated, or seen late: each generation once, none after a newer one, and the last state or the end comes through', () => {
  const step = fc.constantFrom<Life[number]>('create', 'change', 'heartbeat', 'delete');
  // Where the watcher looks: never back across a state that it has told, but for repetitions of the same object.
  const looks = fc.array(fc.record({ ahead: fc.nat(3), repeatOld: fc.boolean() }), { maxLength: 40 });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), looks, (life, ways) => {
      const states = statesOf(life);
      let before: Delivered | undefined;
      const told: Delivery[] = [];
      const look = (now: ClusterObject | undefined) => {
        const { deliveries, delivered } = now === undefined ? decideGone(before, undefined, all) : decidePresent(before, now, all);
        told.push(...deliveries);
        if (delivered !== undefined) before = delivered ?? undefined;
      };
      let at = 0;
      for (const { ahead, repeatOld } of ways) {
        at = Math.min(states.length - 1, at + ahead);
        look(states[at]);
        const older = states[at - 1];
        if (repeatOld && older !== undefined && older.metadata.uid === states[at]?.metadata.uid) look(older);
      }
      look(states.at(-1));

      const last = told.at(-1);
      const end = states.at(-1);
      if (end === undefined) expect(last === undefined || last.event === 'deleted').toBe(true);
      else expect([last?.object.metadata.uid, last?.object.metadata.generation]).toEqual([end.metadata.uid, end.metadata.generation]);
      const marks = told
        .filter(({ event }) => event !== 'deleted')
        .map(({ object: { metadata } }) => `${metadata.uid}.${metadata.generation}`);
      expect(new Set(marks).size).toBe(marks.length);
      const order = told.map(({ object: { metadata } }) => Number(metadata.uid.slice(1)) * 1_000 + (metadata.generation ?? 0));
      expect(order).toEqual([...order].sort((a, b) => a - b));
      const ids = told.map(({ event, object: { metadata }, count }) => `${metadata.uid}@${count}-${event}`);
      expect(new Set(ids).size).toBe(ids.length);
    }),
    { numRuns: 500 },
  );
});
