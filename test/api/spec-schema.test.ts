import type { Static } from '@sinclair/typebox';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { expect, expectTypeOf, test } from 'vitest';
import { parseSpec, printSpec } from '../../controller/api/spec-json.ts';
import { type AsJson, ContextSpecSchema, type specSchemas } from '../../controller/api/spec-schema.ts';
import type { ContextSpec } from '../../controller/manifest/spec.ts';
import { anySpec } from '../manifest/arbitrary-spec.ts';
import { shopManifest, specOf } from './start-admin.ts';

const validate = new Ajv({ strict: false }).compile(ContextSpecSchema);

/** Without `readonly`, which schemas do not know. */
type Plain<T> = T extends readonly (infer E)[] ? Plain<E>[] : T extends object ? { -readonly [K in keyof T]: Plain<T[K]> } : T;

test('the schema has the type of a specification as JSON', () => {
  type Schema = Plain<Static<typeof specSchemas.contextSpec>>;
  type Wanted = Plain<AsJson<ContextSpec>>;
  expectTypeOf<Schema>().toExtend<Wanted>();
  expectTypeOf<Wanted>().toExtend<Schema>();
});

test('law: every specification that a manifest can give passes, and comes back as it was', () => {
  fc.assert(
    fc.property(anySpec, spec => {
      const sent: unknown = JSON.parse(JSON.stringify(spec));
      validate(sent);
      expect(validate.errors ?? []).toStrictEqual([]);
      expect(parseSpec(printSpec(spec))).toEqual(spec);
    }),
    { numRuns: 200 },
  );
});

/** A specification with the value at a path replaced; undefined removes it. */
function changed(path: readonly (string | number)[], value: unknown): unknown {
  const spec: unknown = JSON.parse(JSON.stringify(specOf(shopManifest)));
  let at = spec;
  for (const key of path.slice(0, -1)) at = Reflect.get(Object(at), key);
  if (value === undefined) Reflect.deleteProperty(Object(at), path.at(-1) ?? '');
  else Reflect.set(Object(at), path.at(-1) ?? '', value);
  return spec;
}

test.each([
  ['an unknown member', ['functions', 0, 'retrys'], 1],
  ['an unknown member of a trigger', ['functions', 0, 'on', 0, 'topic'], 'x'],
  ['a trigger of an unknown kind', ['functions', 0, 'on', 0, 'kind'], 'email'],
  ['a name that is a path', ['functions', 0, 'name'], '../x'],
  ['a context that is a member of objects', ['context'], '__proto__'],
  ['a topic with a slash', ['streams', 0, 'topic'], 'a/b'],
  ['a negative time', ['functions', 0, 'limits', 'timeoutMs'], -1],
  ['a concurrency of 0', ['functions', 0, 'limits', 'concurrency'], 0],
  ['a number as text', ['functions', 0, 'retry', 'attempts'], '5'],
  ['no functions', ['functions'], undefined],
  ['functions that are no list', ['functions'], {}],
])('%s does not pass', (_, path, value) => {
  expect(validate(changed(path, value))).toBe(false);
});

test('what is changed above passes as it was', () => expect(validate(changed(['owner'], 'x'))).toBe(true));
