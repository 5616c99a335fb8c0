import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { ContextSpec } from '../../controller/manifest/spec.ts';
import { partsOfContext, partsOfSpec, readContext, resourcesOf, sourceOfFunction } from '../../controller/operator/resource-manifest.ts';
import { contextStatus, differs, functionStatus, verdictIn } from '../../controller/operator/resource-status.ts';
import type { ClusterObject } from '../../controller/ports/objects.ts';
import type { WrittenResource } from '../../controller/ports/resources.ts';
import { customResourceFiles } from '../../scripts/custom-resources.ts';
import { anySpec } from '../manifest/arbitrary-spec.ts';

interface Schema {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
}

const schemas = new Map(
  [...customResourceFiles().values()].map(text => {
    const { spec } = parse(text);
    return [spec.names.kind, spec.versions[0].schema.openAPIV3Schema.properties.spec] as const;
  }),
);

/** As the API server gives it back: with its defaults. */
const stored = ({ kind, name, spec }: WrittenResource): ClusterObject => ({
  spec: filledIn(schemas.get(kind) ?? {}, JSON.parse(JSON.stringify(spec))),
  metadata: { name, uid: name, resourceVersion: '1', generation: 1 },
});

function filledIn(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) return value.map(item => filledIn(schema.items ?? {}, item));
  if (typeof value !== 'object' || value === null) return value;
  const filled: Record<string, unknown> = {};
  for (const [key, held] of Object.entries(value))
    filled[key] = filledIn(schema.properties?.[key] ?? schema.additionalProperties ?? {}, held);
  for (const [key, inner] of Object.entries(schema.properties ?? {})) {
    if (filled[key] === undefined && inner.default !== undefined) filled[key] = filledIn(inner, inner.default);
  }
  return filled;
}

function partsOf(context: string, resources: readonly WrittenResource[]) {
  const own = resources.find(({ kind }) => kind === 'Context');
  const functions = resources.filter(({ kind }) => kind === 'Function');
  return {
    context,
    ...(own === undefined ? { owner: undefined, streams: {} } : partsOfContext(stored(own))),
    functions: new Map(functions.map(one => [one.name.split('.')[1] ?? '', sourceOfFunction(stored(one))])),
  };
}

const bundlesOf = ({ functions }: ContextSpec) => new Map(functions.map(({ name }) => [name, 'b'.repeat(64)]));

describe('a context and its resources say the same', () => {
  test('law: written as resources, completed by the API server and read again, it is what it was: nothing new to deploy', () => {
    fc.assert(
      fc.property(anySpec, spec => {
        expect(readContext(partsOf(spec.context, resourcesOf(spec, bundlesOf(spec))))).toMatchObject({ kind: 'ok', spec });
      }),
      { numRuns: 100 },
    );
  });

  test('law: what is live is read as what it is', () => {
    fc.assert(
      fc.property(anySpec, spec => {
        expect(readContext(partsOfSpec(spec))).toMatchObject({ kind: 'ok', spec });
      }),
      { numRuns: 100 },
    );
  });

  test('a problem finds its function, and one of the streams the context', () => {
    const good = { handler: 'a.ts' };
    const functions = new Map<string, object>([
      ['one', good],
      ['two', { ...good, emits: ['nowhere'] }],
      ['three', { ...good, limits: { timeout: '5 s' } }],
    ]) as Parameters<typeof readContext>[0]['functions'];
    const read = readContext({ context: 'shop', owner: undefined, streams: { orders: { internal: true, topic: 'x' } }, functions });
    const found = read.kind === 'problems' ? read.problems.map(({ function: name, code }) => `${name} ${code}`) : [];
    expect(found).toEqual(['undefined FAAS_MANIFEST_CONFLICT', 'two FAAS_MANIFEST_UNDECLARED', 'three FAAS_MANIFEST_BAD_VALUE']);
  });
});

describe('what is written to a resource', () => {
  const object: ClusterObject = { metadata: { name: 'shop.totals', uid: 'u', resourceVersion: '1', generation: 3 } };
  const figures = {
    ...{
      unit: 'shop.totals',
      revision: 'r2-aaaaaaaa',
      triggers: ['stream orders'],
      pods: { ready: 2 },
      backlogEvents: 5,
      oldestAgeMs: 130_000,
    },
    conditions: [{ type: 'PartitionBound', status: true, reason: 'Keys', message: 'few keys', sinceMs: 0 }],
  };
  const good = { verdict: { generation: 3, problem: undefined }, fencing: 4, nowMs: 60_000 };
  const bad = { ...good, verdict: { generation: 3, problem: { code: 'FAAS_BUNDLE_UNKNOWN', message: 'not uploaded' } } };
  const words = (status: Readonly<Record<string, unknown>>) =>
    (status.conditions as { type: string; status: string; reason: string }[]).map(
      ({ type, status: word, reason }) => `${type} ${word} ${reason}`,
    );

  test('a function that is live, with its figures and what is out of the ordinary', () => {
    const status = functionStatus(object, figures, good);
    expect(status).toMatchObject({
      observedGeneration: 3,
      fencing: 4,
      revision: 'r2-aaaaaaaa',
      replicas: 2,
      lag: 5,
      ageOfOldest: '2m',
      triggers: 'stream orders',
    });
    expect(words(status)).toEqual(['Ready True Live', 'Progressing True Deployed', 'PartitionBound True Keys']);
  });

  test('one whose new generation cannot work stays ready with the old revision, and says why', () => {
    expect(words(functionStatus(object, { ...figures, conditions: [] }, bad))).toEqual([
      'Ready True Live',
      'Progressing False FAAS_BUNDLE_UNKNOWN',
    ]);
    expect(words(functionStatus(object, undefined, bad))).toEqual([
      'Ready False FAAS_BUNDLE_UNKNOWN',
      'Progressing False FAAS_BUNDLE_UNKNOWN',
    ]);
  });

  test('the verdict is read back by the next leader, and a transition keeps its time', () => {
    const first = functionStatus(object, figures, bad);
    const written = { ...object, status: first };
    expect(verdictIn(written)).toEqual(bad.verdict);
    expect(verdictIn(object)).toBeUndefined();
    const later = functionStatus(written, figures, { ...bad, nowMs: 120_000 });
    expect(later.conditions).toEqual(first.conditions);
    expect(differs(written, later, true)).toBe(false);
  });

  test('figures alone are no reason to write at once', () => {
    const written = { ...object, status: functionStatus(object, figures, good) };
    const next = functionStatus(written, { ...figures, backlogEvents: 6 }, good);
    expect([differs(written, next, false), differs(written, next, true)]).toEqual([false, true]);
    expect(differs(written, functionStatus(written, { ...figures, revision: 'r3' }, good), false)).toBe(true);
  });

  test('a context says how many functions are live', () => {
    expect(contextStatus(object, 2, good)).toMatchObject({ functions: 2, observedGeneration: 3 });
    expect(words(contextStatus(object, undefined, bad))).toEqual([
      'Ready False FAAS_BUNDLE_UNKNOWN',
      'Progressing False FAAS_BUNDLE_UNKNOWN',
    ]);
  });
});
