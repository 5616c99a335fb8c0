import { describe, expect, test } from 'vitest';
import { authorFrames, loadProblem } from '../../controller/functions/load-problem.ts';

const pod =
  '    at loadError (/opt/faas/dist/entries/pod-worker.cjs:1318:10)\n    at async load (/opt/faas/dist/entries/pod-worker.cjs:2988:20)';
const node = '    at ModuleJob.run (node:internal/modules/esm/module_job:325:25)';
const stackOf = (...frames: readonly string[]) =>
  ['FaasError: the bundle threw while it was imported: boom', pod, 'caused by: Error: boom', ...frames, node, pod].join('\n');

describe('the frames of a stack that are the author’s', () => {
  test.each([
    ['none', '', []],
    ['of the pod and of Node alone', stackOf(), []],
    ['the top of a file', stackOf('    at src/echo.ts:1:7'), [{ at: 'src/echo.ts:1:7' }]],
    ['the top of an imported one', stackOf('    at <anonymous> (src/echo.ts:2:1)'), [{ at: 'src/echo.ts:2:1' }]],
    ['a function', stackOf('    at async Pool.open (src/db.ts:4:9)'), [{ at: 'src/db.ts:4:9', name: 'async Pool.open' }]],
    ['above the folder', stackOf('    at f (../lib/a.ts:1:1)'), [{ at: '../lib/a.ts:1:1', name: 'f' }]],
    ['a bundle without a source map', stackOf('    at file:///tmp/faas-1/bundle.mjs:1:7', '    at f (/tmp/faas-1/bundle.mjs:1:7)'), []],
    ['a message like a frame', 'Error: at src/a.ts:1:1\nat src/b.ts:1:1', []],
  ])('%s', (_, stack, frames) => {
    expect(authorFrames(stack)).toEqual(frames);
  });

  test('ten of a deep recursion', () => {
    expect(authorFrames(stackOf(...Array.from({ length: 11 }, () => '    at f (src/a.ts:1:1)')))).toHaveLength(10);
  });
});

const error = { code: 'FAAS_LOAD_IMPORT', name: 'FaasError', message: 'the bundle threw while it was imported: boom', stack: undefined };

test.each([
  ['not known', undefined, undefined, 'src/echo.ts: the bundle threw while it was imported: boom'],
  ['known', stackOf('    at src/echo.ts:1:7'), 'src/echo.ts:1:7', 'src/echo.ts:1:7 the bundle threw while it was imported: boom'],
  [
    'in a package: the author’s line that called it',
    stackOf('    at parse (node_modules/zod/index.js:9:9)', '    at src/echo.ts:1:7'),
    'src/echo.ts:1:7',
    'src/echo.ts:1:7 the bundle threw while it was imported: boom',
  ],
])('the message begins with the place, once and without a stack: %s', (_, stack, place, message) => {
  const problem = loadProblem('shop.echo', 'src/echo.ts', { ...error, stack });
  expect(problem).toMatchObject({ unit: 'shop.echo', code: 'FAAS_LOAD_IMPORT', message, hint: 'Fix the handler and deploy again.' });
  expect(problem.place).toBe(place);
});
