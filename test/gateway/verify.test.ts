import { createHmac } from 'node:crypto';
import { sign as signGithub, verify as verifyGithub } from '@octokit/webhooks-methods';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import Stripe from 'stripe';
import { expect, test } from 'vitest';
import { type HeaderValues, toleranceMs, verify } from '../../controller/gateway/verify.ts';
import type { VerifySpec } from '../../controller/manifest/spec.ts';

const nowMs = 1_767_225_600_000;
const seconds = nowMs / 1000;
const body = '{"id":"evt_1","n":1}';
const secret = 'it is a secret';
const standardSecret = `whsec_${Buffer.from('0123456789abcdef01234567').toString('base64')}`;
const custom: VerifySpec = { scheme: 'hmac', header: 'X-Shop-Hmac', algorithm: 'sha512', encoding: 'base64', prefix: 'h1:' };

type Sent = Record<string, string | readonly string[]>;

function headersOf(sent: Sent): HeaderValues {
  return name => [sent[name] ?? []].flat();
}

function outcome(spec: VerifySpec, sent: Sent, text = body, secrets: readonly string[] = [secret], atMs = nowMs): string {
  const verified = verify(spec, headersOf(sent), new TextEncoder().encode(text), secrets, atMs);
  return verified.kind === 'verified' ? 'verified' : verified.reason;
}

const hmac = (algorithm: string, key: string | Uint8Array, text: string, encoding: 'hex' | 'base64') =>
  createHmac(algorithm, key).update(text).digest(encoding);
const slackSignature = (t: number, text = body) => `v0=${hmac('sha256', secret, `v0:${t}:${text}`, 'hex')}`;
const stripeSignature = (t: number, text = body) => hmac('sha256', secret, `${t}.${text}`, 'hex');
const standardKey = Buffer.from(standardSecret.slice(6), 'base64');
const standardSignature = (t: number, text = body) => hmac('sha256', standardKey, `msg_1.${t}.${text}`, 'base64');
const githubSignature = `sha256=${hmac('sha256', secret, body, 'hex')}`;

interface Signed {
  readonly spec: VerifySpec;
  readonly secrets: readonly string[];
  readonly good: Sent;
  /** The header that has the signature, and the signature in it. */
  readonly header: string;
  readonly wrap: (signature: string) => string;
  readonly signature: string;
}

const github: Signed = {
  spec: { scheme: 'github' },
  secrets: [secret],
  good: { 'x-hub-signature-256': githubSignature },
  header: 'x-hub-signature-256',
  wrap: signature => signature,
  signature: githubSignature,
};
const stripe: Signed = {
  spec: { scheme: 'stripe' },
  secrets: [secret],
  good: { 'stripe-signature': `t=${seconds},v1=${stripeSignature(seconds)}` },
  header: 'stripe-signature',
  wrap: signature => `t=${seconds},v1=${signature}`,
  signature: stripeSignature(seconds),
};
const slack: Signed = {
  spec: { scheme: 'slack' },
  secrets: [secret],
  good: { 'x-slack-signature': slackSignature(seconds), 'x-slack-request-timestamp': String(seconds) },
  header: 'x-slack-signature',
  wrap: signature => signature,
  signature: slackSignature(seconds),
};
const standard: Signed = {
  spec: { scheme: 'standard' },
  secrets: [standardSecret],
  good: { 'webhook-id': 'msg_1', 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${standardSignature(seconds)}` },
  header: 'webhook-signature',
  wrap: signature => `v1,${signature}`,
  signature: standardSignature(seconds),
};
const other: Signed = {
  spec: custom,
  secrets: [secret],
  good: { 'x-shop-hmac': `h1:${hmac('sha512', secret, body, 'base64')}` },
  header: 'x-shop-hmac',
  wrap: signature => `h1:${signature}`,
  signature: hmac('sha512', secret, body, 'base64'),
};
const schemes = { github, stripe, slack, standard, hmac: other };

const wrongs: readonly (readonly [name: string, change: (signed: Signed) => Sent, reason: string])[] = [
  ['the right signature', s => s.good, 'verified'],
  ['none', s => without(s.good, s.header), 'missing'],
  ['an empty one', s => ({ ...s.good, [s.header]: '' }), 'missing'],
  ['a truncated one', s => ({ ...s.good, [s.header]: s.wrap(s.signature.slice(0, -1)) }), 'malformed'],
  ['one with a character more', s => ({ ...s.good, [s.header]: s.wrap(`${s.signature}0`) }), 'malformed'],
  ['one that is not hex or base64', s => ({ ...s.good, [s.header]: s.wrap(s.signature.replace(/.{4}$/, '!?!?')) }), 'malformed'],
  ['one written twice in a row', s => ({ ...s.good, [s.header]: s.wrap(s.signature + s.signature) }), 'malformed'],
  ['one in two headers', s => ({ ...s.good, [s.header]: [s.wrap(s.signature), s.wrap(s.signature)] }), 'malformed'],
  ['one joined by a proxy', s => ({ ...s.good, [s.header]: `${s.wrap(s.signature)}, ${s.wrap(s.signature)}` }), 'malformed'],
  ['another secret’s', s => ({ ...s.good, [s.header]: s.wrap(flip(s.signature)) }), 'mismatch'],
];

function without(sent: Sent, header: string): Sent {
  return Object.fromEntries(Object.entries(sent).filter(([name]) => name !== header));
}

/** Changes one digit in the middle, and keeps the form. */
function flip(signature: string): string {
  const at = signature.length >> 1;
  return signature.slice(0, at) + (signature[at] === '0' ? '1' : '0') + signature.slice(at + 1);
}

test.each(
  Object.entries(schemes).flatMap(([name, signed]) =>
    wrongs.map(([what, change, reason]) => [name, what, signed, change, reason] as const),
  ),
)('%s: %s', (_, __, signed, change, reason) => {
  expect(outcome(signed.spec, change(signed), body, signed.secrets)).toBe(reason);
});

test.each(Object.entries(schemes))('%s: a changed body, another secret and an empty secret are refused', (_, { spec, good, secrets }) => {
  expect(outcome(spec, good, `${body} `, secrets)).toBe('mismatch');
  expect(outcome(spec, good, body, ['whsec_b3RoZXI='])).toBe('mismatch');
  expect(outcome(spec, good, body, ['whsec_'])).toBe('mismatch');
  expect(outcome(spec, good, body, [])).toBe('mismatch');
});

test.each(Object.entries(schemes))('%s: either of two secrets verifies while they are rotated', (_, { spec, good, secrets }) => {
  expect(outcome(spec, good, body, ['whsec_bmV3IG5ldyBuZXc=', ...secrets])).toBe('verified');
  expect(outcome(spec, good, body, [...secrets, 'whsec_bmV3IG5ldyBuZXc='])).toBe('verified');
});

test.each([
  ['stripe', -toleranceMs, 'verified'],
  ['stripe', toleranceMs, 'verified'],
  ['stripe', -toleranceMs - 1000, 'stale'],
  ['stripe', toleranceMs + 1000, 'stale'],
  ['slack', -toleranceMs, 'verified'],
  ['slack', toleranceMs, 'verified'],
  ['slack', -toleranceMs - 1000, 'stale'],
  ['slack', toleranceMs + 1000, 'stale'],
  ['standard', -toleranceMs, 'verified'],
  ['standard', toleranceMs, 'verified'],
  ['standard', -toleranceMs - 1000, 'stale'],
  ['standard', toleranceMs + 1000, 'stale'],
] as const)('%s: signed %d ms from now is %s', (scheme, offMs, expected) => {
  const { spec, good, secrets } = schemes[scheme];
  expect(outcome(spec, good, body, secrets, nowMs + offMs)).toBe(expected);
});

test.each([
  ['two timestamps', `t=${seconds},t=${seconds},v1=${stripeSignature(seconds)}`, 'malformed'],
  ['no timestamp', `v1=${stripeSignature(seconds)}`, 'malformed'],
  ['a timestamp that is no number', `t=1e9,v1=${stripeSignature(seconds)}`, 'malformed'],
  ['the signature of test events only', `t=${seconds},v0=${stripeSignature(seconds)}`, 'malformed'],
  ['the same signature twice', `t=${seconds},v1=${stripeSignature(seconds)},v1=${stripeSignature(seconds)}`, 'malformed'],
  ['a second signature, of another secret', `t=${seconds},v1=${'0'.repeat(64)},v1=${stripeSignature(seconds)}`, 'verified'],
  ['nine signatures', `t=${seconds},${Array.from({ length: 9 }, (_, i) => `v1=${String(i).repeat(64)}`).join(',')}`, 'malformed'],
])('stripe: %s', (_, header, expected) => {
  expect(outcome({ scheme: 'stripe' }, { 'stripe-signature': header })).toBe(expected);
});

test('none verifies whatever comes', () => {
  expect(outcome({ scheme: 'none' }, {}, '', [])).toBe('verified');
});

const texts = fc.string({ unit: 'grapheme', maxLength: 200 });
const secretsOf = fc.string({ minLength: 1, maxLength: 60 }).filter(text => text.trim() !== '');

test('github agrees with @octokit/webhooks-methods', async () => {
  await fc.assert(
    fc.asyncProperty(
      texts.filter(text => text !== ''),
      secretsOf,
      fc.boolean(),
      async (text, key, spoil) => {
        const signature = await signGithub(key, text);
        const sent = spoil ? flip(signature) : signature;
        const ours = outcome({ scheme: 'github' }, { 'x-hub-signature-256': sent }, text, [key]);
        expect(ours === 'verified').toBe(await verifyGithub(key, text, sent));
        expect(ours === 'verified').toBe(!spoil);
      },
    ),
    { numRuns: 100 },
  );
});

test('stripe agrees with the stripe package', () => {
  const { webhooks } = new Stripe('sk_test_123');
  fc.assert(
    fc.property(fc.jsonValue(), secretsOf, fc.boolean(), fc.integer({ min: -400, max: 0 }), (value, key, spoil, age) => {
      const payload = JSON.stringify({ object: 'event', value });
      const header = webhooks.generateTestHeaderString({ payload, secret: key, timestamp: seconds + age });
      const sent = spoil ? header.slice(0, -1) + (header.endsWith('0') ? '1' : '0') : header;
      const theirs = succeeds(() => webhooks.constructEvent(payload, sent, key, 300, undefined, nowMs));
      expect(outcome({ scheme: 'stripe' }, { 'stripe-signature': sent }, payload, [key]) === 'verified').toBe(theirs);
    }),
    { numRuns: 100 },
  );
});

test('standard agrees with the standardwebhooks package', () => {
  const keys = fc.uint8Array({ minLength: 16, maxLength: 48 }).map(bytes => `whsec_${Buffer.from(bytes).toString('base64')}`);
  fc.assert(
    fc.property(fc.jsonValue(), keys, fc.boolean(), (value, key, spoil) => {
      // Their verify looks at the clock of the machine.
      const at = new Date();
      const payload = JSON.stringify(value);
      const webhook = new Webhook(key);
      const signature = webhook.sign('msg_7', at, payload);
      const sent = {
        'webhook-id': 'msg_7',
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': spoil ? `v1,${flip(signature.slice(3))}` : signature,
      };
      const theirs = succeeds(() => webhook.verify(payload, sent));
      expect(outcome({ scheme: 'standard' }, sent, payload, [key], at.getTime()) === 'verified').toBe(theirs);
    }),
    { numRuns: 100 },
  );
});

test('slack verifies the example of its documentation', () => {
  const example =
    'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
  const sent = {
    'x-slack-request-timestamp': '1531420618',
    'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
  };
  expect(outcome({ scheme: 'slack' }, sent, example, ['8f742231b10e8888abcd99yyyzzz85a5'], 1_531_420_618_000)).toBe('verified');
});

function succeeds(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch {
    return false;
  }
}
