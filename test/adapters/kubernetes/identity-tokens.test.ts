import { SignJWT, UnsecuredJWT } from 'jose';
import { beforeAll, expect, test } from 'vitest';
import { IdentityTokens } from '../../../controller/adapters/kubernetes/identity-tokens.ts';
import { type Log, silentLog } from '../../../controller/telemetry/log.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { podClaims, type SigningCluster, type SigningKey, signed, signingCluster, signingKey } from './signing-cluster.ts';

const pod = 'faas-pod-one';
const identity = { namespace: 'faas', serviceAccount: 'functions', pod };
const nowS = Math.floor(new VirtualClock().now() / 1_000);
let first: SigningKey;
let second: SigningKey;

beforeAll(async () => {
  [first, second] = await Promise.all([signingKey('first'), signingKey('second', 'ES256')]);
});

function open(api: SigningCluster, clock = new VirtualClock()) {
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: message => warnings.push(message) };
  return { tokens: new IdentityTokens({ api, clock, log }), clock, warnings };
}

/** Keys come in the background: until they are there, the token of the pod itself is refused as well. */
async function knowing(keys: readonly SigningKey[]) {
  const api = signingCluster(keys);
  const opened = open(api);
  opened.tokens.prepare();
  const good = await signed(keys[0] ?? first, podClaims(pod, opened.clock.now()));
  await expect.poll(() => opened.tokens.isOf(good, identity)).toBe(true);
  return { ...opened, api, good };
}

const inCluster = (change: object) => ({ 'kubernetes.io': { ...Object(podClaims(pod, 0)['kubernetes.io']), ...change } });

test.each<[string, Record<string, unknown>, boolean]>([
  ['as the cluster writes it', {}, true],
  ['for several audiences, ours among them', { aud: ['https://kubernetes.default.svc', 'faas.internal'] }, true],
  ['for the API server', { aud: ['https://kubernetes.default.svc'] }, false],
  ['for nobody', { aud: undefined }, false],
  ['that expired a minute ago, by a clock that may be wrong', { exp: nowS - 59 }, true],
  ['that expired before', { exp: nowS - 61 }, false],
  ['that never expires', { exp: undefined }, false],
  ['of the near future', { nbf: nowS + 60 }, true],
  ['of the future', { nbf: nowS + 61 }, false],
  ['of another pod', inCluster({ pod: { name: 'faas-pod-two' } }), false],
  ['of no pod', inCluster({ pod: undefined }), false],
  ['of another namespace', inCluster({ namespace: 'other' }), false],
  ['of another service account', inCluster({ serviceaccount: { name: 'default' } }), false],
  ['that says nothing of Kubernetes', { 'kubernetes.io': undefined }, false],
])('a token %s', async (_, change, isOf) => {
  const { tokens, clock } = await knowing([first, second]);
  for (const key of [first, second]) expect(await tokens.isOf(await signed(key, podClaims(pod, clock.now(), change)), identity)).toBe(isOf);
});

test('what is signed with no key of the cluster is nothing: no signature, a public key as a secret, another key of the same name', async () => {
  const { tokens, clock } = await knowing([first]);
  const claims = podClaims(pod, clock.now());
  const secret = new TextEncoder().encode(JSON.stringify(first.publicJwk));
  const forged = [
    new UnsecuredJWT(claims).encode(),
    await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: first.kid }).sign(secret),
    await signed(await signingKey(first.kid), claims),
    '',
    'no token',
    'a.b.c',
  ];
  for (const token of forged) expect(await tokens.isOf(token, identity)).toBe(false);
});

test('the key of a token is unknown: keys are read again, but no more often than every 10 s, and the old ones are forgotten', async () => {
  const { tokens, clock, api, good } = await knowing([first]);
  api.keys = [second];
  const token = await signed(second, podClaims(pod, clock.now()));
  await clock.advance(9_999);
  expect([await tokens.isOf(token, identity), api.keyReads()]).toEqual([false, 1]);
  await clock.advance(1);
  expect([await tokens.isOf(token, identity), api.keyReads()]).toEqual([false, 2]);
  await expect.poll(() => tokens.isOf(token, identity)).toBe(true);
  expect([await tokens.isOf(good, identity), api.keyReads()]).toEqual([false, 2]);
});

test('an answer never waits for the keys', async () => {
  const api = signingCluster([first]);
  const { tokens, clock } = open({ ...api, send: () => new Promise(() => {}) });
  tokens.prepare();
  expect(await tokens.isOf(await signed(first, podClaims(pod, clock.now())), identity)).toBe(false);
});

test.each([
  ['are refused', { status: 403, body: { kind: 'Status', reason: 'Forbidden' } }],
  ['are no keys', { status: 200, body: { message: 'hello' } }],
])('keys that %s: said once, tried again every 10 s, and good when they come', async (_, keysAnswer) => {
  const api = signingCluster([first]);
  api.keysAnswer = keysAnswer;
  const { tokens, clock, warnings } = open(api);
  expect(tokens.canVerify).toBe(true);
  for (const reads of [1, 2]) {
    tokens.prepare();
    tokens.prepare();
    await expect.poll(() => tokens.canVerify).toBe(false);
    expect([api.keyReads(), warnings.length]).toEqual([reads, 1]);
    await clock.advance(10_000);
  }
  api.keysAnswer = undefined;
  tokens.prepare();
  await expect.poll(() => tokens.canVerify).toBe(true);
  expect(await tokens.isOf(await signed(first, podClaims(pod, clock.now())), identity)).toBe(true);
});
