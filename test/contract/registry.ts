import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ContextSpec } from '../../controller/manifest/spec.ts';
import type { Condition, NewRevision, Registry } from '../../controller/ports/registry.ts';
import { functionSpec } from '../support/function-spec.ts';
import { leadershipLaw } from './leadership.ts';

export interface RegistryUnderTest {
  registry: Registry;
  /** Ends the adapter and opens it again on the same data; undefined: nothing outlives it. */
  readonly reopen?: () => Promise<void>;
  close(): Promise<void>;
}

/** The laws R1 to R7 of controller/ports/registry.ts, for one adapter. */
export function registryContract(adapter: string, open: () => Promise<RegistryUnderTest>): void {
  describe(`registry on ${adapter}`, () => {
    let subject: RegistryUnderTest;
    let registry: Registry;

    beforeEach(async () => {
      subject = await open();
      registry = subject.registry;
    });
    afterEach(() => subject.close());

    test('a new registry knows nothing', async () => {
      expect([await registry.contexts(), await registry.functions(), await registry.revisions('shop.totals')]).toEqual([[], [], []]);
      expect([await registry.context('shop'), await registry.bundle('0'.repeat(64))]).toEqual([undefined, undefined]);
    });

    test('revisions are numbered per function and shown with the first digits of their hash', async () => {
      const put = await registry.putRevisions('shop', [revision('totals', 'a'), revision('vips', 'b')]);
      expect(put.map(({ unit, id, counter }) => [unit, id, counter])).toEqual([
        ['shop.totals', 'r1-aaaaaaaa', 1],
        ['shop.vips', 'r1-bbbbbbbb', 1],
      ]);
      const [next] = await registry.putRevisions('shop', [revision('totals', 'c')]);
      expect(next).toEqual({ ...revision('totals', 'c'), unit: 'shop.totals', id: 'r2-cccccccc', counter: 2 });
      expect((await registry.revisions('shop.totals')).map(({ id }) => id)).toEqual(['r1-aaaaaaaa', 'r2-cccccccc']);
      expect(await registry.functions()).toEqual([]);
    });

    test('R2 a known hash is answered as it is', async () => {
      const [first] = await registry.putRevisions('shop', [revision('totals', 'a')]);
      const [again] = await registry.putRevisions('shop', [{ ...revision('totals', 'a'), createdAtMs: 99 }]);
      expect(again).toEqual(first);
      expect(await registry.revisions('shop.totals')).toEqual([first]);
    });

    test('R1 activation makes the named functions live, and the others of the context not', async () => {
      await registry.putRevisions('shop', [revision('totals', 'a'), revision('vips', 'b')]);
      await registry.putRevisions('other', [revision('totals', 'a')]);
      await registry.activate(context('other', 'totals'), new Map([['totals', 'r1-aaaaaaaa']]), 5);
      await registry.activate(
        context('shop', 'totals', 'vips'),
        new Map([
          ['totals', 'r1-aaaaaaaa'],
          ['vips', 'r1-bbbbbbbb'],
        ]),
        10,
      );
      expect(await live()).toEqual([
        ['other.totals', 'r1-aaaaaaaa', undefined, 5],
        ['shop.totals', 'r1-aaaaaaaa', undefined, 10],
        ['shop.vips', 'r1-bbbbbbbb', undefined, 10],
      ]);
      await registry.putRevisions('shop', [revision('totals', 'c')]);
      await registry.activate(context('shop', 'totals'), new Map([['totals', 'r2-cccccccc']]), 20);
      expect(await live('shop')).toEqual([['shop.totals', 'r2-cccccccc', 'r1-aaaaaaaa', 20]]);
      expect(await live('other')).toEqual([['other.totals', 'r1-aaaaaaaa', undefined, 5]]);
      expect(await registry.context('shop')).toEqual({ spec: context('shop', 'totals'), deployedAtMs: 20 });
      expect((await registry.contexts()).map(({ spec }) => spec.context)).toEqual(['other', 'shop']);
    });

    test('R1 an activation that names an unknown revision changes nothing', async () => {
      await registry.putRevisions('shop', [revision('totals', 'a'), revision('vips', 'b')]);
      await registry.activate(context('shop', 'totals'), new Map([['totals', 'r1-aaaaaaaa']]), 10);
      const names = new Map([
        ['vips', 'r1-bbbbbbbb'],
        ['totals', 'r9-aaaaaaaa'],
      ]);
      await expect(registry.activate(context('shop', 'totals', 'vips'), names, 20)).rejects.toMatchObject({
        code: 'FAAS_REVISION_UNKNOWN',
      });
      expect(await live()).toEqual([['shop.totals', 'r1-aaaaaaaa', undefined, 10]]);
      expect((await registry.context('shop'))?.deployedAtMs).toBe(10);
    });

    test('R2 activating what is live changes nothing about the function', async () => {
      await registry.putRevisions('shop', [revision('totals', 'a')]);
      for (const atMs of [10, 20]) await registry.activate(context('shop', 'totals'), new Map([['totals', 'r1-aaaaaaaa']]), atMs);
      expect(await live()).toEqual([['shop.totals', 'r1-aaaaaaaa', undefined, 10]]);
    });

    test('a function record has the whole revision', async () => {
      const [put] = await registry.putRevisions('shop', [revision('totals', 'a')]);
      await registry.activate(context('shop', 'totals'), new Map([['totals', 'r1-aaaaaaaa']]), 10);
      expect(await registry.functions('shop')).toEqual([
        { unit: 'shop.totals', context: 'shop', name: 'totals', live: put, previousLive: undefined, activatedAtMs: 10 },
      ]);
    });

    test('R7 a hold is shown with the function, and gone when it is released', async () => {
      await registry.putRevisions('shop', [revision('totals', 'a')]);
      await registry.activate(context('shop', 'totals'), new Map([['totals', 'r1-aaaaaaaa']]), 10);
      const heldUntil = async () => (await registry.functions()).map(({ heldUntilMs }) => heldUntilMs);
      let hints = 0;
      const stop = registry.watch(() => {
        hints += 1;
      });
      await registry.hold('shop.totals', 5_000);
      expect(hints).toBeGreaterThan(0);
      expect(await heldUntil()).toEqual([5_000]);
      await registry.hold('shop.totals', undefined);
      expect(await heldUntil()).toEqual([undefined]);
      stop();
    });

    test('R3 counters go on after a removal', async () => {
      await registry.putRevisions('shop', [revision('totals', 'a'), revision('totals', 'b')]);
      await registry.activate(context('shop', 'totals'), new Map([['totals', 'r2-bbbbbbbb']]), 10);
      await registry.remove('shop');
      expect([await registry.functions(), await registry.contexts(), await registry.revisions('shop.totals')]).toEqual([[], [], []]);
      const [again] = await registry.putRevisions('shop', [revision('totals', 'a')]);
      expect(again?.id).toBe('r3-aaaaaaaa');
      await registry.activate(context('shop', 'totals'), new Map([['totals', 'r3-aaaaaaaa']]), 30);
      expect(await live()).toEqual([['shop.totals', 'r3-aaaaaaaa', undefined, 30]]);
    });

    test('removing one function leaves the others and takes it from the spec', async () => {
      await registry.putRevisions('shop', [revision('totals', 'a'), revision('vips', 'b')]);
      await registry.activate(
        context('shop', 'totals', 'vips'),
        new Map([
          ['totals', 'r1-aaaaaaaa'],
          ['vips', 'r1-bbbbbbbb'],
        ]),
        10,
      );
      await registry.setCondition('shop.vips', condition('Failing'));
      await registry.remove('shop', 'vips');
      expect(await live()).toEqual([['shop.totals', 'r1-aaaaaaaa', undefined, 10]]);
      expect((await registry.context('shop'))?.spec).toEqual(context('shop', 'totals'));
      expect(await registry.conditions('shop.vips')).toEqual([]);
      await registry.remove('shop', 'none');
      await registry.remove('none');
      expect((await live()).length).toBe(1);
    });

    test('the last condition of a type stays', async () => {
      await registry.putRevisions('shop', [revision('totals', 'a')]);
      await registry.setCondition('shop.totals', condition('StateLost'));
      await registry.setCondition('shop.totals', condition('Failing'));
      await registry.setCondition('shop.totals', { ...condition('StateLost'), status: false, sinceMs: 9 });
      expect(await registry.conditions('shop.totals')).toEqual([
        condition('Failing'),
        { ...condition('StateLost'), status: false, sinceMs: 9 },
      ]);
      expect(await registry.conditions('shop.none')).toEqual([]);
    });

    test('conditions that are set at the same time are all kept, of one type the last', async () => {
      await registry.putRevisions('shop', [revision('totals', 'a'), revision('vips', 'b')]);
      const over = { ...condition('Failing'), status: false, sinceMs: 9 };
      await Promise.all([
        registry.setCondition('shop.totals', condition('Failing')),
        registry.setCondition('shop.vips', condition('Failing')),
        registry.setCondition('shop.totals', condition('StateLost')),
        registry.setCondition('shop.totals', over),
      ]);
      expect(await registry.conditions('shop.totals')).toEqual([over, condition('StateLost')]);
      expect(await registry.conditions('shop.vips')).toEqual([condition('Failing')]);
    });

    test('a condition that is removed is as one that never held', async () => {
      await registry.putRevisions('shop', [revision('totals', 'a')]);
      for (const type of ['Failing', 'StateLost']) await registry.setCondition('shop.totals', condition(type));
      await registry.removeCondition('shop.totals', 'Failing');
      await registry.removeCondition('shop.totals', 'None');
      await registry.removeCondition('shop.none', 'Failing');
      expect(await registry.conditions('shop.totals')).toEqual([condition('StateLost')]);
    });

    test('R4 a bundle comes back byte for byte, and bytes that do not match are refused', async () => {
      const code = Buffer.from('export default () => {};');
      const hash = sha256(code);
      await registry.putBundle(hash, { code, sourceMap: undefined });
      expect(plainBundle(await registry.bundle(hash))).toEqual([code.toString(), undefined]);
      await registry.putBundle(hash, { code, sourceMap: Buffer.from('{}') });
      expect(plainBundle(await registry.bundle(hash))).toEqual([code.toString(), '{}']);
      const other = sha256(Buffer.from('other'));
      await expect(registry.putBundle(other, { code, sourceMap: undefined })).rejects.toMatchObject({ code: 'FAAS_BUNDLE_HASH' });
      expect(await registry.bundle(other)).toBeUndefined();
    });

    test('pruning keeps the last revisions and the live ones, and the bundles that they name', async () => {
      const codes = ['a', 'b', 'c', 'd', 'unused'].map(text => Buffer.from(text));
      for (const code of codes) await registry.putBundle(sha256(code), { code, sourceMap: undefined });
      const revisions = ['a', 'b', 'c', 'd'].map((digit, i) => ({
        ...revision('totals', digit),
        bundleHash: sha256(codes[i] ?? Buffer.of()),
      }));
      await registry.putRevisions('shop', revisions);
      await registry.activate(context('shop', 'totals'), new Map([['totals', 'r1-aaaaaaaa']]), 10);
      expect(await registry.prune(2)).toBe(2);
      expect((await registry.revisions('shop.totals')).map(({ id }) => id)).toEqual(['r1-aaaaaaaa', 'r3-cccccccc', 'r4-dddddddd']);
      const kept = await Promise.all(codes.map(code => registry.bundle(sha256(code))));
      expect(kept.map(bundle => bundle !== undefined)).toEqual([true, false, true, true, false]);
      expect(await registry.prune(2)).toBe(0);
    });

    test('R5 watchers are told after every change until they stop', async () => {
      let told = 0;
      const stop = registry.watch(() => {
        told += 1;
      });
      const changes = [
        () => registry.putRevisions('shop', [revision('totals', 'a')]),
        () => registry.activate(context('shop', 'totals'), new Map([['totals', 'r1-aaaaaaaa']]), 10),
        () => registry.hold('shop.totals', 20),
        () => registry.remove('shop'),
      ];
      for (const change of changes) {
        const before = told;
        await change();
        expect(told).toBeGreaterThan(before);
      }
      const last = told;
      stop();
      await registry.putRevisions('shop', [revision('totals', 'b')]);
      expect(told).toBe(last);
    });

    leadershipLaw(() => registry);

    test('everything outlives the process', async () => {
      if (subject.reopen === undefined) return;
      const code = Buffer.from('export default 1');
      await registry.putBundle(sha256(code), { code, sourceMap: undefined });
      const [put] = await registry.putRevisions('shop', [revision('totals', 'a')]);
      await registry.activate(context('shop', 'totals'), new Map([['totals', 'r1-aaaaaaaa']]), 10);
      await registry.setCondition('shop.totals', condition('Failing'));
      await registry.lead('controller', 'one', 100, 1000);
      await subject.reopen();
      registry = subject.registry;
      expect(await registry.revisions('shop.totals')).toEqual([put]);
      expect(await live()).toEqual([['shop.totals', 'r1-aaaaaaaa', undefined, 10]]);
      expect(await registry.context('shop')).toEqual({ spec: context('shop', 'totals'), deployedAtMs: 10 });
      expect(await registry.conditions('shop.totals')).toEqual([condition('Failing')]);
      expect(plainBundle(await registry.bundle(sha256(code)))).toEqual([code.toString(), undefined]);
      expect(await registry.lead('controller', 'two', 100, 1050)).toBeUndefined();
    });

    async function live(name?: string) {
      return (await registry.functions(name)).map(({ unit, live: { id }, previousLive, activatedAtMs }) => [
        unit,
        id,
        previousLive,
        activatedAtMs,
      ]);
    }
  });
}

function revision(functionName: string, digit: string): NewRevision {
  return { functionName, hash: digit.repeat(64), bundleHash: 'f'.repeat(64), spec: functionSpec(functionName), createdAtMs: 1 };
}

function context(name: string, ...functions: string[]): ContextSpec {
  return { context: name, owner: 'team', streams: [], functions: functions.map(name => functionSpec(name)) };
}

function condition(type: string): Condition {
  return { type, status: true, reason: 'Because', message: 'it is so', sinceMs: 5 };
}

function sha256(code: Uint8Array): string {
  return createHash('sha256').update(code).digest('hex');
}

function plainBundle(bundle: { code: Uint8Array; sourceMap: Uint8Array | undefined } | undefined) {
  const text = (part: Uint8Array | undefined) => part && new TextDecoder().decode(part);
  return [text(bundle?.code), text(bundle?.sourceMap)];
}
