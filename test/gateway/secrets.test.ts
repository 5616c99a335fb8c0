import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSecrets, secretsNamedBy } from '../../controller/gateway/secrets.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { liveFunction } from './live-functions.ts';

let folder: string;
const clock = new VirtualClock();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'faas-secrets-'));
});
afterEach(() => rm(folder, { recursive: true }));

test.each([
  ['nothing', {}, {}, [], undefined],
  ['the environment', { FAAS_SECRET_STRIPE_KEY: 'e' }, {}, ['e'], 'FAAS_SECRET_STRIPE_KEY'],
  ['a file', {}, { 'stripe-key': 'f' }, ['f'], 'file'],
  ['the environment before a file', { FAAS_SECRET_STRIPE_KEY: 'e' }, { 'stripe-key': 'f' }, ['e'], 'FAAS_SECRET_STRIPE_KEY'],
  ['no white space around it', {}, { 'stripe-key': ' f g\n' }, ['f g'], 'file'],
  ['an empty variable is none', { FAAS_SECRET_STRIPE_KEY: '  ' }, {}, [], undefined],
  [
    'two while it is rotated',
    { FAAS_SECRET_STRIPE_KEY: 'e', FAAS_SECRET_STRIPE_KEY_PREVIOUS: 'p' },
    {},
    ['e', 'p'],
    'FAAS_SECRET_STRIPE_KEY',
  ],
  ['two files', {}, { 'stripe-key': 'f', 'stripe-key.previous': 'p' }, ['f', 'p'], 'file'],
  ['the same twice is one', {}, { 'stripe-key': 'f', 'stripe-key.previous': 'f' }, ['f'], 'file'],
  ['a previous one alone is none', {}, { 'stripe-key.previous': 'p' }, [], undefined],
] as const)('%s', async (_, env, files, values, source) => {
  for (const [name, value] of Object.entries(files)) await writeFile(join(folder, name), value);
  const secrets = createSecrets({ env, folder, clock });
  expect(await secrets.valuesOf('stripe-key')).toEqual(values);
  expect(await secrets.check('stripe-key')).toEqual({
    source: source === 'file' ? join(folder, 'stripe-key') : source,
    values: values.length,
  });
});

test('a changed file is read within five seconds, without a restart', async () => {
  const secrets = createSecrets({ env: {}, folder, clock });
  expect(await secrets.valuesOf('late')).toEqual([]);
  await writeFile(join(folder, 'late'), 'one');
  await clock.advance(4_999);
  expect(await secrets.valuesOf('late')).toEqual([]);
  await clock.advance(1);
  expect(await secrets.valuesOf('late')).toEqual(['one']);
});

test.each(['../escape', 'a/b', 'A', '', '.', 'x'.repeat(65)])('"%s" is no name of a secret, and no path', async name => {
  await writeFile(join(folder, '..', 'escape'), 'x').catch(() => undefined);
  expect(await createSecrets({ env: {}, folder: join(folder, 'sub'), clock }).valuesOf(name)).toEqual([]);
  await rm(join(folder, '..', 'escape'), { force: true });
});

test('a folder in the place of a file is a missing secret', async () => {
  await mkdir(join(folder, 'a-folder'));
  expect(await createSecrets({ env: {}, folder, clock }).valuesOf('a-folder')).toEqual([]);
});

test('without a folder only the environment counts', async () => {
  expect(await createSecrets({ env: {}, folder: '', clock }).check('stripe-key')).toEqual({ source: undefined, values: 0 });
});

test('secrets that functions name, with their users, in the order of their names', () => {
  const hook = (path: string, secret: string | undefined) =>
    ({ kind: 'webhook', path, verify: { scheme: 'github' }, secret, key: undefined, respond: 'accepted' }) as const;
  const functions = [
    liveFunction('shop.b', [hook('/1', 'z'), hook('/2', 'a'), hook('/3', undefined)]),
    liveFunction('shop.a', [hook('/4', 'z'), hook('/5', 'z')]),
  ];
  expect([...secretsNamedBy(functions)]).toEqual([
    ['a', ['shop.b']],
    ['z', ['shop.b', 'shop.a']],
  ]);
});
