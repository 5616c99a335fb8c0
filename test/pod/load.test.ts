import { createHash } from 'node:crypto';
import { build } from 'esbuild';
import { afterEach, describe, expect, test } from 'vitest';
import { batchEvent, batchOf, bytes, loadRequest, startPod, type TestPod } from './pod-fixture.ts';

const open: TestPod[] = [];
afterEach(async () => {
  for (const pod of open.splice(0)) await pod.close();
});

async function generic(): Promise<TestPod> {
  const pod = await startPod();
  open.push(pod);
  return pod;
}

describe('a bundle that does not load is a named, bounded error, and the pod answers on', () => {
  test.each([
    ['a syntax error', 'export default ) => {}', 'FAAS_LOAD_SYNTAX', "the bundle has a syntax error: Unexpected token ')'"],
    ['no handler', 'export const other = 1', 'FAAS_LOAD_EXPORT', 'the handler exports neither a `default` function nor `batch`'],
    [
      'both handlers',
      'export default () => {}; export const batch = () => {}',
      'FAAS_LOAD_EXPORT',
      'the handler exports both `default` and `batch`',
    ],
    ['a handler that is no function', 'export default 7', 'FAAS_LOAD_EXPORT', 'the export "default" is not a function'],
    [
      'a throw at import',
      `throw new Error('no database'); export default () => {}`,
      'FAAS_LOAD_IMPORT',
      'the bundle threw while it was imported: no database',
    ],
    [
      'undefined thrown at import',
      'throw undefined; export default () => {}',
      'FAAS_LOAD_IMPORT',
      'the bundle threw while it was imported: undefined was thrown',
    ],
    [
      'a module that is not there',
      `import 'not-there'; export default () => {}`,
      'FAAS_LOAD_IMPORT',
      expect.stringMatching(/imported: Cannot find package 'not-there'/),
    ],
    [
      'process.exit at import',
      'process.exit(0); export default () => {}',
      'FAAS_LOAD_IMPORT',
      'the worker ended while it loaded the bundle: the worker ended with code 0',
    ],
    [
      'an exception in a timer at import',
      `setTimeout(() => { throw new Error('early') }); await new Promise(() => {}); export default () => {}`,
      'FAAS_LOAD_IMPORT',
      'the worker ended while it loaded the bundle: early',
    ],
    [
      'an import that hangs',
      'await new Promise(() => {}); export default () => {}',
      'FAAS_LOAD_TIMEOUT',
      'the bundle did not load within 400 ms',
    ],
    ['an import that loops', 'while (true); export default () => {}', 'FAAS_LOAD_TIMEOUT', 'the bundle did not load within 400 ms'],
    [
      'an init that throws',
      `export const init = () => { throw new Error('no') }; export default () => {}`,
      'FAAS_LOAD_INIT',
      'init threw: no',
    ],
    [
      'an init that hangs',
      'export const init = () => new Promise(() => {}); export default () => {}',
      'FAAS_LOAD_TIMEOUT',
      'the bundle did not load within 400 ms',
    ],
  ])('%s', async (_, code, errorCode, message) => {
    const pod = await generic();
    const result = await pod.load(code, {}, errorCode === 'FAAS_LOAD_TIMEOUT' ? 400 : 5_000);
    expect(result).toMatchObject({ kind: 'failed', error: { code: errorCode, message } });
    expect((await pod.client.status(pod.pod))?.state).toBe('gone');
    expect((await pod.run(batchOf([batchEvent(0)]))).end).toEqual({ kind: 'draining' });
  });

  test('a wrong hash is refused before anything runs, and the pod stays generic', async () => {
    const pod = await generic();
    expect(await pod.load('export default () => {}', { bundleHash: '0'.repeat(64) })).toMatchObject({
      kind: 'failed',
      error: { code: 'FAAS_LOAD_HASH' },
    });
    expect(await pod.load('export default () => {}')).toMatchObject({ kind: 'ready' });
  });

  test('a pod loads one function in its life', async () => {
    const pod = await generic();
    await pod.load('export default () => {}');
    expect(await pod.load('export default () => {}')).toMatchObject({ kind: 'failed', error: { code: 'FAAS_LOAD_TWICE' } });
  });
});

test('errors name the author’s file and line, from the source map', async () => {
  const source = `type Order = { total: number };\n\nexport default (event: { data: Order }) => {\n  throw new Error('at line four');\n};\n`;
  const built = await build({
    stdin: { contents: source, sourcefile: 'src/orders.ts', loader: 'ts', resolveDir: '/' },
    bundle: true,
    minify: true,
    format: 'esm',
    sourcemap: 'external',
    write: false,
    outfile: '/bundle.mjs',
  });
  const code = built.outputFiles.find(file => file.path.endsWith('.mjs'))?.text ?? '';
  const sourceMap = built.outputFiles.find(file => file.path.endsWith('.map'))?.contents;
  const pod = await generic();
  await pod.load(code, { sourceMap, bundleHash: createHash('sha256').update(code).digest('hex') });
  const { outcomes } = await pod.run(batchOf([batchEvent(0)]));
  const outcome = outcomes.get(0);
  expect(outcome?.kind === 'failed' && outcome.error.stack).toMatch(/at .*src\/orders\.ts:4:9/);
});

test('init runs once before the first event; what it prints is output of the pod', async () => {
  const pod = await generic();
  const output: string[] = [];
  pod.pods.onOutput(({ text }) => output.push(text));
  const code = `let ready = 0; export const init = async () => { ready += 1; console.log('warming'); }; export default () => ready;`;
  expect(await pod.load(code)).toMatchObject({ kind: 'ready', handler: 'event' });
  const { outcomes } = await pod.run(batchOf([batchEvent(0, 0, { trigger: 'call' }), batchEvent(1, 0, { trigger: 'call' })]));
  expect([...outcomes.values()].map(outcome => outcome.kind === 'ok' && new TextDecoder().decode(outcome.answer))).toEqual(['1', '1']);
  expect(output).toEqual(['warming\n']);
});

test('a batch of another revision, or before anything is loaded, is answered as draining', async () => {
  const pod = await generic();
  expect((await pod.run(batchOf([batchEvent(0)]))).end).toEqual({ kind: 'draining' });
  await pod.load('export default () => {}');
  expect((await pod.run(batchOf([batchEvent(0)], { revision: 'r2-11111111' }))).end).toEqual({ kind: 'draining' });
});

test('requests that are no frames, too large or of another wire version are refused at the edge', async () => {
  const pod = await generic();
  await pod.load('export default () => {}');
  const post = async (path: string, body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = { 'faas-wire': '1' }) =>
    (await fetch(`${pod.pod.address}${path}`, { method: 'POST', body, headers: { authorization: `Bearer ${pod.pod.token}`, ...headers } }))
      .status;
  expect(await post('/v1/batch', new Uint8Array(3))).toBe(400);
  expect(await post('/v1/batch', new Uint8Array([0, 0, 0, 9, 0, 0, 0, 99, 1, 2, 3, 4, 5]))).toBe(400);
  expect(await post('/v1/load', new Uint8Array([0, 0, 0, 6, 0, 0, 0, 2, 0x7b, 0x7d]))).toBe(400);
  expect(await post('/v1/batch', new Uint8Array(3), { 'faas-wire': '99' })).toBe(426);
  expect(await post('/v1/batch', new Uint8Array(3), {})).toBe(426);
  expect(await post('/v1/batch', new Uint8Array(16 * 2 ** 20 + 1))).toBe(413);
  expect(await post('/v1/elsewhere', new Uint8Array(0))).toBe(404);
  expect((await pod.run(batchOf([batchEvent(0)]))).outcomes.get(0)?.kind).toBe('ok');
});

test('a bundle of several megabytes loads', async () => {
  const pod = await generic();
  const code = `export default () => {}; /* ${'x'.repeat(12 * 2 ** 20)} */`;
  expect(bytes(code).length).toBeGreaterThan(12 * 2 ** 20);
  expect(await pod.client.load(pod.pod, loadRequest(code), 5_000)).toMatchObject({ kind: 'ready' });
});
