import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { readKubeconfig, usualKubeconfig } from '../../../controller/adapters/kubernetes/kubeconfig.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const certificate = { 'client-certificate-data': base64('certificate'), 'client-key-data': base64('key') };
const authority = { 'certificate-authority-data': base64('authority') };

/** Two contexts: `first` is current. */
const config = (cluster: object, user: object, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [
    { name: 'far', cluster: { server: 'https://far:6443', ...cluster } },
    { name: 'near', cluster: { server: 'https://near' } },
  ],
  users: [
    { name: 'ada', user },
    { name: 'bob', user: { token: 'of-bob' } },
  ],
  contexts: [
    { name: 'first', context: { cluster: 'far', user: 'ada' } },
    { name: 'second', context: { cluster: 'near', user: 'bob', namespace: 'shop' } },
  ],
  'current-context': 'first',
  ...more,
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'faas-kubeconfig-'));
  for (const name of ['ca', 'crt', 'key']) writeFileSync(join(folder, name), `the ${name}`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(text: string): string {
  const file = join(folder, 'config');
  writeFileSync(file, text);
  return file;
}

/** What a request is given, without the agent of the client: ours is another one. */
async function given(authorise: (options: RequestOptions) => Promise<void>) {
  const options: RequestOptions = { headers: { accept: 'application/json' } };
  await authorise(options);
  const { agent: _, headers, ...rest } = options;
  const said = Object.fromEntries(Object.entries(headers as Record<string, string>).map(([name, value]) => [name.toLowerCase(), value]));
  return { ...rest, headers: said };
}

async function byTheClient(file: string, contextName: string | undefined) {
  const client = new KubeConfig();
  client.loadFromFile(file);
  if (contextName !== undefined) client.setCurrentContext(contextName);
  const namespace = client.getContextObject(client.getCurrentContext())?.namespace ?? 'default';
  return { server: client.getCurrentCluster()?.server, namespace, given: await given(options => client.applyToHTTPSOptions(options)) };
}

test.each<[what: string, config: object, contextName?: string]>([
  ['a certificate                ', config(authority, certificate)],
  ['another context              ', config(authority, certificate), 'second'],
  ['a token                      ', config(authority, { token: 'of-ada' })],
  ['a token and a certificate    ', config(authority, { ...certificate, token: 'of-ada' })],
  ['files beside it              ', config({ 'certificate-authority': 'ca' }, { 'client-certificate': 'crt', 'client-key': './key' })],
  ['a file before what is in it  ', config({ 'certificate-authority': 'ca', ...authority }, certificate)],
  ['nobody                       ', config(authority, {})],
  ['no check of the server       ', config({ 'insecure-skip-tls-verify': true }, certificate)],
  ['another name of the server   ', config({ ...authority, 'tls-server-name': 'kubernetes' }, certificate)],
  ['a slash at the end           ', config({ server: 'https://far:6443/' }, certificate)],
  ['notes of other programs      ', config({ ...authority, extensions: [{ name: 'minikube', extension: {} }] }, certificate)],
])('read by ourselves, as the client reads it: %s', async (_, said, contextName) => {
  for (const text of [stringify(said), JSON.stringify(said)]) {
    const file = fileOf(text);
    const user = await readKubeconfig(file, contextName);
    const expected = await byTheClient(file, contextName);
    expect(user).toMatchObject({ server: expected.server, namespace: expected.namespace });
    expect(user && (await given(user.authorise))).toEqual(expected.given);
  }
});

const exec = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'aws' } };

test.each<[what: string, config: object | string, contextName?: string]>([
  ['a program that brings a token', config(authority, exec)],
  ['a provider of tokens         ', config(authority, { 'auth-provider': { name: 'oidc' } })],
  ['a name and a password        ', config(authority, { username: 'ada', password: 'secret' })],
  ['somebody else                ', config(authority, { ...certificate, as: 'bob' })],
  ['a proxy                      ', config({ 'proxy-url': 'http://proxy' }, certificate)],
  ['no TLS                       ', config({ server: 'http://far' }, certificate)],
  ['a context that is not there  ', config(authority, certificate), 'third'],
  ['no current context           ', config(authority, certificate, { 'current-context': undefined })],
  ['a context given twice        ', config(authority, certificate, { contexts: Array(2).fill(config({}, {}).contexts[0]) })],
  ['a token that is a number     ', config(authority, { token: 7 })],
  ['an authority that is a list  ', config({ 'certificate-authority': ['ca'] }, certificate)],
  ['no YAML                      ', '{'],
  ['a list                       ', '[]'],
  ['nothing                      ', ''],
])('left to the client: %s', async (_, said, contextName) => {
  expect(await readKubeconfig(fileOf(typeof said === 'string' ? said : stringify(said)), contextName)).toBeUndefined();
});

test('a file that is not there is left to the client', async () => {
  expect(await readKubeconfig(join(folder, 'none'), undefined)).toBeUndefined();
});

test.each([
  ['nothing given', {}, join(homedir(), '.kube', 'config')],
  ['an empty list', { KUBECONFIG: '' }, join(homedir(), '.kube', 'config')],
  ['one          ', { KUBECONFIG: '/a' }, '/a'],
  ['one and ends ', { KUBECONFIG: `${delimiter}/a${delimiter}` }, '/a'],
  ['several      ', { KUBECONFIG: `/a${delimiter}/b` }, undefined],
])('the usual file: %s', (_, env, file) => {
  expect(usualKubeconfig(env)).toBe(file);
});
