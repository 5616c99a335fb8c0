import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { commandWithYoungSpace, youngSpaceFlag } from '../../cli/young-space.ts';

const started = { execPath: '/bin/node', execArgv: [], argv: ['/bin/node', '/bin/faas', 'up'], env: {}, platform: 'linux' } as const;

test('a server is started again as it was, with the flag', () => {
  const command = commandWithYoungSpace({ ...started, execArgv: ['--inspect'] }, 'process');
  expect(command).toEqual(['/bin/node', youngSpaceFlag, '--inspect', '/bin/faas', 'up']);
});

test.each([
  ['it has the flag', { execArgv: [youngSpaceFlag] }],
  ['somebody chose another size', { execArgv: ['--max_semi_space_size=8'] }],
  ['the environment has it', { env: { NODE_OPTIONS: '--trace-warnings --max-semi-space-size=64' } }],
  ['a parent talks to it', { channel: {} }],
  ['the system cannot replace a process', { platform: 'win32' as const }],
])('nothing is started again when %s', (_, given) => {
  expect(commandWithYoungSpace({ ...started, ...given }, 'process')).toBeUndefined();
});

test('a server of a cluster stays as it is', () => {
  expect(commandWithYoungSpace(started, 'kubernetes')).toBeUndefined();
});

test.each(['dev', 'bench'])('npm run %s starts servers with the flag', script => {
  const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(scripts[script]).toContain(`node ${youngSpaceFlag} `);
});
