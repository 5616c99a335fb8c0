import { createHmac, timingSafeEqual } from 'node:crypto';
import { assertNever } from '../../runtime/sdk/assert-never.ts';
import type { VerifySpec } from '../manifest/spec.ts';

/** Timestamps may be this far from now, both ways. */
export const toleranceMs = 300_000;

/** More signatures than this in one header are not looked at: providers send one per secret while they rotate. */
const signaturesMax = 8;

/** Every value of a header, in order; a header that was sent twice has two. Names in lower case. */
export type HeaderValues = (name: string) => readonly string[];

/** The reason is for the history and for metrics: the sender never sees it. */
export type Verified = { readonly kind: 'verified' } | { readonly kind: 'refused'; readonly reason: RefusedReason };
export type RefusedReason = 'missing' | 'malformed' | 'stale' | 'mismatch';

/**
 * Whether the body was signed with one of the secrets. All schemes are presets of one HMAC verifier over the raw body; digests are compared in
 * constant time and only at equal length. A header that is there twice, or the same signature twice in one header, is malformed: nobody who holds
 * the secret sends it, and whoever forwards it may have changed the rest.
 */
export function verify(spec: VerifySpec, headers: HeaderValues, body: Uint8Array, secrets: readonly string[], nowMs: number): Verified {
  if (spec.scheme === 'none') return { kind: 'verified' };
  const claim = readClaim(spec, headers);
  if (claim.kind === 'refused') return claim;
  if (claim.timestampMs !== undefined && Math.abs(nowMs - claim.timestampMs) > toleranceMs) return { kind: 'refused', reason: 'stale' };
  let matches = false;
  for (const secret of secrets) {
    const key = claim.keyOf(secret);
    // A secret that decodes to nothing would let everybody sign.
    if (key.length === 0) continue;
    const expected = createHmac(claim.algorithm, key).update(claim.signedPrefix).update(body).digest();
    for (const signature of claim.signatures) {
      if (signature.length === expected.length && timingSafeEqual(signature, expected)) matches = true;
    }
  }
  return matches ? { kind: 'verified' } : { kind: 'refused', reason: 'mismatch' };
}

/** What the sender claims: over which bytes, when, and with which digests. */
interface Claim {
  readonly kind: 'claim';
  readonly algorithm: 'sha1' | 'sha256' | 'sha512';
  readonly keyOf: (secret: string) => string | Uint8Array;
  /** Signed in front of the body. */
  readonly signedPrefix: string;
  readonly timestampMs: number | undefined;
  readonly signatures: readonly Uint8Array[];
}

type Refused = { readonly kind: 'refused'; readonly reason: RefusedReason };

const missing: Refused = { kind: 'refused', reason: 'missing' };
const malformed: Refused = { kind: 'refused', reason: 'malformed' };
const digestBytes = { sha1: 20, sha256: 32, sha512: 64 } as const;
const plainKey = (secret: string) => secret;

function readClaim(spec: VerifySpec, headers: HeaderValues): Claim | Refused {
  switch (spec.scheme) {
    case 'github':
      return readPlain(headers, 'x-hub-signature-256', 'sha256', 'hex', 'sha256=');
    case 'hmac':
      return readPlain(headers, spec.header.toLowerCase(), spec.algorithm, spec.encoding, spec.prefix);
    case 'slack':
      return readSlack(headers);
    case 'stripe':
      return readStripe(headers);
    case 'standard':
      return readStandard(headers);
    case 'none':
      return missing;
    default:
      return assertNever(spec);
  }
}

function readPlain(
  headers: HeaderValues,
  header: string,
  algorithm: Claim['algorithm'],
  encoding: 'hex' | 'base64',
  prefix: string,
): Claim | Refused {
  const value = only(headers, header);
  if (typeof value !== 'string') return value;
  const signature = value.startsWith(prefix) ? decode(value.slice(prefix.length), encoding, digestBytes[algorithm]) : undefined;
  if (signature === undefined) return malformed;
  return { kind: 'claim', algorithm, keyOf: plainKey, signedPrefix: '', timestampMs: undefined, signatures: [signature] };
}

/** Slack: `v0=<hex>` over `v0:<timestamp>:<body>`. */
function readSlack(headers: HeaderValues): Claim | Refused {
  const timestamp = only(headers, 'x-slack-request-timestamp');
  if (typeof timestamp !== 'string') return timestamp;
  const timestampMs = secondsToMs(timestamp);
  const claim = readPlain(headers, 'x-slack-signature', 'sha256', 'hex', 'v0=');
  if (claim.kind === 'refused') return claim;
  return timestampMs === undefined ? malformed : { ...claim, signedPrefix: `v0:${timestamp}:`, timestampMs };
}

/** Stripe: `t=<seconds>,v1=<hex>[,v1=<hex>][,v0=…]` over `<seconds>.<body>`; v0 signs test events and is not accepted. */
function readStripe(headers: HeaderValues): Claim | Refused {
  const value = only(headers, 'stripe-signature');
  if (typeof value !== 'string') return value;
  const timestamps: string[] = [];
  const texts: string[] = [];
  for (const part of value.split(',')) {
    const equals = part.indexOf('=');
    const name = part.slice(0, Math.max(equals, 0)).trim();
    if (name === 't') timestamps.push(part.slice(equals + 1));
    if (name === 'v1') texts.push(part.slice(equals + 1));
  }
  const [timestamp] = timestamps;
  if (timestamp === undefined || timestamps.length > 1) return malformed;
  return timed(timestamp, `${timestamp}.`, plainKey, texts, 'hex');
}

/** Standard Webhooks: `v1,<base64>` separated by spaces, over `<id>.<seconds>.<body>`; the secret is base64, with or without `whsec_`. */
function readStandard(headers: HeaderValues): Claim | Refused {
  const id = only(headers, 'webhook-id');
  const timestamp = only(headers, 'webhook-timestamp');
  const value = only(headers, 'webhook-signature');
  if (typeof id !== 'string') return id;
  if (typeof timestamp !== 'string') return timestamp;
  if (typeof value !== 'string') return value;
  const texts = value.split(' ').flatMap(part => (part.startsWith('v1,') ? [part.slice(3)] : []));
  const keyOf = (secret: string) => Buffer.from(secret.startsWith('whsec_') ? secret.slice(6) : secret, 'base64');
  return timed(timestamp, `${id}.${timestamp}.`, keyOf, texts, 'base64');
}

function timed(
  timestamp: string,
  signedPrefix: string,
  keyOf: Claim['keyOf'],
  texts: readonly string[],
  encoding: 'hex' | 'base64',
): Claim | Refused {
  const timestampMs = secondsToMs(timestamp);
  if (timestampMs === undefined || texts.length === 0 || texts.length > signaturesMax) return malformed;
  if (new Set(texts).size !== texts.length) return malformed;
  const signatures = texts.flatMap(text => decode(text, encoding, digestBytes.sha256) ?? []);
  if (signatures.length !== texts.length) return malformed;
  return { kind: 'claim', algorithm: 'sha256', keyOf, signedPrefix, timestampMs, signatures };
}

/** The one value of a header. */
function only(headers: HeaderValues, name: string): string | Refused {
  const [value, ...others] = headers(name);
  if (value === undefined || value === '') return missing;
  return others.length > 0 ? malformed : value;
}

function secondsToMs(text: string): number | undefined {
  return /^\d{1,12}$/.test(text) ? Number(text) * 1000 : undefined;
}

/** Strict: Buffer's own decoders stop silently at the first character that they do not know. */
function decode(text: string, encoding: 'hex' | 'base64', bytes: number): Uint8Array | undefined {
  if (encoding === 'hex') return text.length === bytes * 2 && /^[0-9a-f]+$/i.test(text) ? Buffer.from(text, 'hex') : undefined;
  const decoded = Buffer.from(text, 'base64');
  return decoded.length === bytes && decoded.toString('base64') === text ? decoded : undefined;
}
