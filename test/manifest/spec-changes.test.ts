import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterRules } from '../../controller/manifest/cluster-rules.ts';
import type { ContextSpec, FunctionSpec, ResourceTrigger } from '../../controller/manifest/spec.ts';
import { type Deployable, specChanges } from '../../controller/manifest/spec-changes.ts';
import { anySpec } from './arbitrary-spec.ts';

const bundlesOf = (spec: ContextSpec, hash = 'b') => new Map(spec.functions.map(({ name }) => [name, hash]));
const deployable = (spec: ContextSpec, hash?: string): Deployable => ({ spec, bundles: bundlesOf(spec, hash) });

describe('what a deploy would change', () => {
  test('law: nothing, where the same is live', () => {
    fc.assert(
      fc.property(anySpec, spec => {
        expect(specChanges(deployable(spec), deployable(spec)).filter(({ change }) => change !== 'unchanged')).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  test('law: all is created on nothing and removed for nothing, and a way back changes the same places', () => {
    fc.assert(
      fc.property(anySpec, anySpec, (a, b) => {
        expect(specChanges(undefined, deployable(a)).map(({ change }) => change)).toEqual(
          ['', ...bundlesOf(a).keys()].map(() => 'created'),
        );
        const there = specChanges(deployable(a), deployable(b)).flatMap(one =>
          one.changes.map(({ path, before, after }) => `${one.function} ${path} ${before} ${after}`),
        );
        const back = specChanges(deployable(b), deployable(a)).flatMap(one =>
          one.changes.map(({ path, before, after }) => `${one.function} ${path} ${after} ${before}`),
        );
        expect(there.sort()).toEqual(back.sort());
      }),
      { numRuns: 50 },
    );
  });

  test('a function whose code or limits are others', () => {
    const one = (more: object) => ({
      owner: 'team',
      streams: [],
      functions: [{ name: 'f', limits: { timeoutMs: 1, concurrency: 2 }, emits: [], ...more }],
    });
    const before = { spec: one({}), bundles: new Map([['f', 'aaaa']]) };
    const after = { spec: one({ limits: { timeoutMs: 5, concurrency: 2 }, emits: ['vips'] }), bundles: new Map([['f', 'bbbb']]) };
    expect(specChanges(before, after)).toEqual([
      { function: '', change: 'unchanged', changes: [] },
      {
        function: 'f',
        change: 'updated',
        changes: [
          { path: 'bundle', before: '"aaaa"', after: '"bbbb"' },
          { path: 'limits.timeoutMs', before: '1', after: '5' },
          { path: 'emits', before: '[]', after: undefined },
          { path: 'emits[0]', before: undefined, after: '"vips"' },
        ],
      },
    ]);
  });
});

describe('what resource triggers need in the cluster', () => {
  const spec = (...triggers: Partial<ResourceTrigger>[]): Pick<ContextSpec, 'functions'> => ({
    functions: [
      {
        name: 'f',
        on: triggers.map(one => ({ kind: 'resource', apiVersion: 'v1', resourceKind: 'ConfigMap', ...one })),
      } as unknown as FunctionSpec,
    ],
  });
  const words = (of: Pick<ContextSpec, 'functions'>) =>
    clusterRules(of).map(rule => `${rule.namespace ?? '*'} ${rule.apiGroup}/${rule.resource}`);

  test.each<[string, Partial<ResourceTrigger>[], string[]]>([
    ['nothing', [], []],
    ['a kind of the core group', [{}], ['* /configmaps']],
    [
      'a kind of a group, in a namespace',
      [{ apiVersion: 'apps/v1', resourceKind: 'Deployment', namespace: 'prod' }],
      ['prod apps/deployments'],
    ],
    ['the same twice', [{ namespace: 'a' }, { namespace: 'a', selector: 'x=y' }], ['a /configmaps']],
    ['two namespaces', [{ namespace: 'a' }, { namespace: 'b' }], ['a /configmaps', 'b /configmaps']],
    ['all namespaces, and one of them', [{ namespace: 'a' }, {}], ['* /configmaps']],
    ['a plural in -ies', [{ apiVersion: 'networking.k8s.io/v1', resourceKind: 'NetworkPolicy' }], ['* networking.k8s.io/networkpolicies']],
    ['a plural in -es', [{ apiVersion: 'networking.k8s.io/v1', resourceKind: 'Ingress' }], ['* networking.k8s.io/ingresses']],
    [
      'a plural in -ys',
      [{ apiVersion: 'gateway.networking.k8s.io/v1', resourceKind: 'Gateway' }],
      ['* gateway.networking.k8s.io/gateways'],
    ],
    ['a plural that is one already', [{ resourceKind: 'Endpoints' }], ['* /endpoints']],
  ])('%s', (_, triggers, expected) => expect(words(spec(...triggers))).toEqual(expected));
});
