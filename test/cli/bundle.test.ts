import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BundleRequest, type BundleResult, bundleFunction, openBundler } from '../../cli/bundle.ts';
import type { FunctionSpec, JsonSchema, StreamRef } from '../../controller/manifest/spec.ts';

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'faas-bundle-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, file)), { recursive: true });
  await writeFile(join(root, file), text);
}

function request(
  handler: string,
  parts: { emits?: readonly StreamRef[]; schemas?: Record<string, JsonSchema>; foreign?: Record<string, JsonSchema> } = {},
): BundleRequest {
  const spec: FunctionSpec = {
    name: 'customer-totals',
    handler,
    on: [],
    retry: { attempts: 1, backoffMs: { min: 1, max: 1 }, maxCrashes: 3, onExhausted: 'dlq' },
    limits: { timeoutMs: 1000, lifespanMs: 1000, memoryBytes: 1, cpuMillis: 1, concurrency: 1 },
    scale: { min: 0, max: 1, maxAgeMs: 1, lagThreshold: undefined },
    warm: { keepMs: 'auto', min: 0 },
    emits: parts.emits ?? [],
    calls: [],
    env: {},
    durability: 'default',
  };
  const streams = Object.entries(parts.schemas ?? {}).map(([name, schema]) => ({
    name,
    topic: name,
    internal: false,
    partitions: undefined,
    schema,
    retention: undefined,
  }));
  return {
    root,
    spec,
    context: { context: 'shop', owner: undefined, streams, functions: [spec] },
    foreignSchemas: new Map(Object.entries(parts.foreign ?? {})),
  };
}

function bundled(result: BundleResult) {
  if (result.kind !== 'bundled') throw new Error(JSON.stringify(result.problems));
  return result;
}

async function load(result: BundleResult): Promise<Record<string, unknown>> {
  return await import(`data:text/javascript;base64,${Buffer.from(bundled(result).code).toString('base64')}`);
}

describe('what a bundle holds', () => {
  test('the handler, its imports and the parts of faas that it uses, in one module that loads from anywhere', async () => {
    await write('src/sum.ts', 'export const sum = (a: number, b: number): number => a + b;');
    await write(
      'src/handler.ts',
      `import { type Context, type FaasEvent, NonRetryableError } from 'faas';
       import { createRequire } from 'node:module';
       import { sum } from './sum.ts';
       const require = createRequire('/');
       export default (event: FaasEvent<number>, ctx: Context) => [sum(event.data, 1), new NonRetryableError('no').code, typeof require('fs').readFileSync];
       export const init = () => 'init';`,
    );
    const result = await bundleFunction(request('src/handler.ts'));
    const module = await load(result);
    expect(Object.keys(module).sort()).toEqual(['default', 'faasSchemas', 'init']);
    expect(Reflect.apply(module.default as () => unknown, undefined, [{ data: 1 }])).toEqual([2, 'FAAS_NON_RETRYABLE', 'function']);
    expect(bundled(result).inputs).toEqual(['src/sum.ts', 'src/handler.ts']);
    const map = JSON.parse(Buffer.from(bundled(result).sourceMap).toString());
    expect(map.sources).toEqual(['faas:sdk/errors', 'src/handler.ts', 'src/sum.ts']);
    expect(map.sourcesContent[2]).toContain('a + b');
  });

  test('CommonJS packages, with what they require of Node', async () => {
    await write('node_modules/old/package.json', '{"name":"old","main":"index.js"}');
    await write('node_modules/old/index.js', `const path = require('path'); module.exports = () => path.basename('/a/b');`);
    await write('src/old.ts', `import old from 'old'; export const batch = () => old(); export function shutdown() {}`);
    const module = await load(await bundleFunction(request('src/old.ts')));
    expect(Object.keys(module).sort()).toEqual(['batch', 'faasSchemas', 'shutdown']);
    expect(Reflect.apply(module.batch as () => unknown, undefined, [])).toBe('b');
  });

  test('WebAssembly as bytes', async () => {
    await write('src/add.wasm', '\0asm');
    await write('src/wasm.ts', `import bytes from './add.wasm'; export default () => bytes.length;`);
    const module = await load(await bundleFunction(request('src/wasm.ts')));
    expect(Reflect.apply(module.default as () => unknown, undefined, [])).toBe(4);
  });

  test('the same input gives the same hash in another folder, a changed one another hash', async () => {
    const schemas = { orders: { type: 'object', properties: { mail: { type: 'string', format: 'email' } } } };
    const there = request('src/handler.ts', { emits: [{ name: 'orders', context: 'shop', stream: 'orders' }], schemas });
    const elsewhere = await mkdtemp(join(tmpdir(), 'faas-elsewhere-'));
    await cp(root, join(elsewhere, 'deep/er'), { recursive: true });
    const first = bundled(await bundleFunction(there));
    const second = bundled(await bundleFunction({ ...there, root: join(elsewhere, 'deep/er') }));
    await rm(elsewhere, { recursive: true });
    expect(second.hash).toBe(first.hash);
    expect(Buffer.compare(second.sourceMap, first.sourceMap)).toBe(0);
    await write('src/sum.ts', 'export const sum = (a: number, b: number): number => a - b;');
    expect(bundled(await bundleFunction(there)).hash).not.toBe(first.hash);
  });

  test('an open bundler sees the change of a file', async () => {
    await write('src/one.ts', 'export default () => 1;');
    const bundler = await openBundler(request('src/one.ts'));
    const first = bundled(await bundler.bundle());
    await write('src/one.ts', 'export default () => 2;');
    const second = bundled(await bundler.bundle());
    await write('src/one.ts', 'export default () =>');
    expect((await bundler.bundle()).kind).toBe('refused');
    await bundler.dispose();
    expect(second.hash).not.toBe(first.hash);
  });
});

describe('checks of schemas travel with the bundle', () => {
  const ref = (name: string): StreamRef => ({
    name,
    context: name.includes('.') ? 'sales' : 'shop',
    stream: name.split('.').at(-1) ?? name,
  });
  const order: JsonSchema = {
    type: 'object',
    required: ['total'],
    properties: { total: { type: 'number' }, mail: { type: 'string', format: 'email' } },
  };

  test.each([
    ['a valid value', { total: 1, mail: 'a@b.org' }, true],
    ['a missing member', {}, ["/ must have required property 'total'"]],
    ['a wrong type', { total: 'secret' }, ['/total must be number']],
    ['a wrong format', { total: 1, mail: 'x' }, ['/mail must match format "email"']],
    ['null', null, ['/ must be object']],
  ])('%s', async (_, value, answer) => {
    await write('src/noop.ts', 'export default () => {};');
    const module = await load(await bundleFunction(request('src/noop.ts', { emits: [ref('orders')], schemas: { orders: order } })));
    expect((module.faasSchemas as Record<string, (value: unknown) => unknown>).orders?.(value)).toEqual(answer);
  });

  test('own and foreign streams under the names that the handler uses; streams without a schema are absent', async () => {
    const module = await load(
      await bundleFunction(
        request('src/noop.ts', {
          emits: [ref('orders'), ref('sales.orders'), ref('plain')],
          schemas: { orders: order },
          foreign: { 'sales.orders': false },
        }),
      ),
    );
    const schemas = module.faasSchemas as Record<string, (value: unknown) => unknown>;
    expect(Object.keys(schemas)).toEqual(['orders', 'sales.orders']);
    expect(schemas['sales.orders']?.(1)).toEqual(['/ boolean schema is false']);
  });

  test.each([
    ['http://json-schema.org/draft-07/schema#'],
    ['https://json-schema.org/draft/2019-09/schema'],
    ['https://json-schema.org/draft/2020-12/schema'],
  ])('dialect %s', async dialect => {
    const schema = { $schema: dialect, type: 'array', maxItems: 1 };
    const module = await load(await bundleFunction(request('src/noop.ts', { emits: [ref('orders')], schemas: { orders: schema } })));
    expect((module.faasSchemas as Record<string, (value: unknown) => unknown>).orders?.([1, 2])).toEqual([
      '/ must NOT have more than 1 items',
    ]);
  });

  test('a schema that cannot be compiled names its stream', async () => {
    const result = await bundleFunction(request('src/noop.ts', { emits: [ref('orders')], schemas: { orders: { type: 'objekt' } } }));
    expect(result).toMatchObject({ kind: 'refused', problems: [{ code: 'FAAS_BUNDLE_SCHEMA', file: 'src/noop.ts' }] });
  });
});

describe('what cannot be bundled is refused at its line and column, with a way out', () => {
  test.each([
    [
      'a syntax error',
      'export default () => {\n  const 1 = 2;\n}',
      'FAAS_BUNDLE_SYNTAX',
      2,
      9,
      'Expected identifier but found "1"',
      undefined,
    ],
    [
      'no handler',
      'export const handle = () => {};',
      'FAAS_BUNDLE_EXPORT',
      1,
      1,
      'exports "handle" only, so function "customer-totals" has no handler',
      'Write: export default async function customerTotals(event, ctx) { … }',
    ],
    [
      'nothing at all',
      '',
      'FAAS_BUNDLE_EXPORT',
      1,
      1,
      'exports nothing, so function "customer-totals" has no handler',
      'Write: export default async function customerTotals(event, ctx) { … }',
    ],
    [
      'two handlers',
      'export default () => {}; export const batch = () => {};',
      'FAAS_BUNDLE_EXPORT',
      1,
      1,
      'exports both "default" and "batch"',
      'Keep "default" for one event at a time, or "batch" for many.',
    ],
    [
      'a package that is not installed',
      "import x from '@a/b/c';\nexport default x;",
      'FAAS_BUNDLE_IMPORT',
      1,
      15,
      'cannot find "@a/b/c"',
      'Install it where the manifest is: npm install @a/b',
    ],
    [
      'a file that is not there',
      "import x from './gone.ts';\nexport default x;",
      'FAAS_BUNDLE_IMPORT',
      1,
      15,
      'cannot find "./gone.ts"',
      'Check the path and its extension.',
    ],
    [
      'the test kit',
      "import * as t from 'faas/testing';\nexport default () => t;",
      'FAAS_BUNDLE_IMPORT',
      1,
      20,
      '"faas/testing" is for tests and cannot run in a pod',
      'Import it in the test file, not in the handler.',
    ],
    [
      'a native add-on',
      "import { createRequire } from 'node:module';\nimport x from './x.node';\nexport default x;",
      'FAAS_BUNDLE_NATIVE',
      2,
      15,
      '"./x.node" is a native add-on; a function is one JavaScript file',
      'Use a JavaScript or WebAssembly version of the package, or call a service.',
    ],
  ])('%s', async (name, text, code, line, column, message, hint) => {
    const file = `src/bad-${name.replaceAll(' ', '-')}.ts`;
    await write(file, text);
    await write('src/x.node', 'ELF');
    const result = await bundleFunction(request(file));
    expect(result).toMatchObject({ kind: 'refused', problems: [{ code, file, line, column, message, hint }] });
  });

  test('a handler file that is not there', async () => {
    const result = await bundleFunction(request('src/nowhere.ts'));
    expect(result).toMatchObject({
      kind: 'refused',
      problems: [{ code: 'FAAS_BUNDLE_IMPORT', file: 'src/nowhere.ts', message: 'cannot find "src/nowhere.ts"' }],
    });
  });

  test('several problems come together', async () => {
    await write('src/two.ts', "import './a.ts';\nimport './b.ts';\nexport default 1;");
    const result = await bundleFunction(request('src/two.ts'));
    expect(result.kind === 'refused' && result.problems.map(problem => problem.line)).toEqual([1, 2]);
  });
});
