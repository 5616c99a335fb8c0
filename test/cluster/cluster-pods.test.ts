import { beforeEach, expect, test } from 'vitest';
import { ClusterPods } from '../../controller/cluster/cluster-pods.ts';
import type { UnitExit } from '../../controller/cluster/messages.ts';
import type { PodView } from '../../controller/wire/pod-directory.ts';
import { exitOf, podOf, unit } from './cluster-samples.ts';

const shared = { callbackUrl: 'http://127.0.0.1:7070' };
let own: { pods: PodView[]; coming: PodView[]; changed: (unit: string) => void; ended: (exit: UnitExit) => void };
let pods: ClusterPods;
let changes: string[];
let exits: string[];

beforeEach(() => {
  own = { pods: [], coming: [], changed() {}, ended() {} };
  pods = new ClusterPods({
    own: {
      podsOf: name => own.pods.filter(view => view.unit === name),
      comingOf: name => own.coming.filter(view => view.unit === name),
      onChange(listener) {
        own.changed = listener;
        return () => undefined;
      },
      onExit(listener) {
        own.ended = listener;
        return () => undefined;
      },
    },
    callbackUrl: () => shared.callbackUrl,
    ask: ({ pods }) => pods === 1,
  });
  changes = [];
  exits = [];
  pods.onChange(one => changes.push(one));
  pods.onExit(({ id }) => exits.push(id));
});

const take = (hosts: Record<string, PodView[]>, isComplete = true, ended: UnitExit[] = []): void =>
  pods.take({ hosts: new Map(Object.entries(hosts)), exits: ended, isComplete });
const ids = (): string[] => pods.podsOf(unit).map(({ pod: { id } }) => id);

test('its own pods are there as they are, those of others as the leader says; each is told to be shared', () => {
  own.pods = [podOf('mine')];
  own.changed(unit);
  take({ b: [podOf('theirs')] });
  expect(pods.podsOf(unit)).toEqual([
    { ...podOf('mine'), shared },
    { ...podOf('theirs'), shared },
  ]);
  expect(pods.podsOf('shop.other')).toEqual([]);
  own.pods = [];
  own.changed(unit);
  expect(ids()).toEqual(['theirs']);
});

test('of pods that are coming it knows its own', () => {
  own.coming = [podOf('mine')];
  expect(pods.comingOf(unit)).toEqual([{ ...podOf('mine'), shared }]);
  expect([pods.comingOf('shop.other'), pods.podsOf(unit)]).toEqual([[], []]);
});

test('says what has changed, and nothing when nothing has', () => {
  take({ b: [podOf('p')] });
  take({ b: [podOf('p')] });
  expect(changes).toEqual([unit]);
  take({ b: [podOf('p', 'draining')] });
  take({ b: [] });
  expect([changes, ids()]).toEqual([[unit, unit, unit], []]);
});

test('a leader that does not know everybody yet takes no pods away; one that does, does', () => {
  take({ b: [podOf('p')], c: [podOf('q')] });
  take({ b: [] }, false);
  expect(ids()).toEqual(['q']);
  take({ b: [] }, true);
  expect(ids()).toEqual([]);
});

test('each end of a pod is told once, whoever says it first', () => {
  own.ended(exitOf('p'));
  take({}, true, [exitOf('p'), exitOf('q')]);
  take({}, true, [exitOf('p'), exitOf('q')]);
  expect(exits).toEqual(['p', 'q']);
});

test('a long list of ends is told once, however often the leader sends it', () => {
  const many = Array.from({ length: 700 }, (_, index) => exitOf(`p${index}`));
  take({}, true, many);
  take({}, true, many);
  expect(exits).toHaveLength(700);
});

test('a wish that nobody hears is answered with no', () => {
  expect([pods.want(unit, 1, 'first-event'), pods.want(unit, 2, 'first-event')]).toEqual([true, false]);
});
