import { createHash } from 'node:crypto';
import { headerNames } from '../../runtime/protocol/headers.ts';
import { firstOfChain, type InboxEvent } from '../inbox/inbox-record.ts';
import type { KeySource, VerifySpec } from '../manifest/spec.ts';
import type { RecordHeader } from '../ports/streams.ts';
import { readPointer } from './json-pointer.ts';
import type { HeaderValues } from './verify.ts';
import type { WebhookMatch } from './webhook-routes.ts';

/** A verified request at a webhook. */
export interface Delivery {
  readonly headers: HeaderValues;
  /** All header names that were sent, in lower case, each once. */
  readonly headerNames: readonly string[];
  readonly body: Uint8Array;
}

export interface DeliveryFacts {
  readonly nowMs: number;
  readonly traceparent: string;
  /** For deliveries that nothing identifies. */
  readonly randomId: string;
}

/** Longer ones are no ids; they are hashed like a body. */
const idCharsMax = 200;
const utf8 = new TextEncoder();

/** The event that a delivery becomes. */
export function eventOf(match: WebhookMatch, delivery: Delivery, facts: DeliveryFacts): InboxEvent {
  const { live, trigger } = match;
  const header = (name: string) => delivery.headers(name)[0];
  const id = deliveryId(trigger.verify, delivery) ?? facts.randomId;
  const github = trigger.verify.scheme === 'github' ? header('x-github-event') : undefined;
  return firstOfChain({
    id,
    source: header('ce-source') ?? `/hooks/${live.context}${trigger.path}`,
    type: header('ce-type') ?? (github === undefined ? `${live.unit}.webhook` : `com.github.${github}`),
    timeMs: facts.nowMs,
    trigger: 'webhook',
    triggerName: trigger.path,
    key: trigger.key === undefined ? null : (keyOf(trigger.key, match.params, delivery) ?? null),
    value: delivery.body,
    contentType: header('content-type') ?? 'application/json',
    traceparent: facts.traceparent,
    headers: recordHeaders(delivery),
  });
}

/** Undefined: absent, which means an event without a key. */
export function keyOf(source: KeySource, params: ReadonlyMap<string, string>, delivery: Delivery): string | undefined {
  switch (source.from) {
    case 'header':
      return delivery.headers(source.name.toLowerCase())[0];
    case 'path':
      return params.get(source.param);
    case 'json':
      return readPointer(delivery.body, source.pointer);
    default:
      return source satisfies never;
  }
}

/**
 * What makes a repeated delivery the same event. The provider's own id where there is one: GitHub's delivery id (which its signature does not cover),
 * `webhook-id`, the event's id in the body of Stripe and Slack, `ce-id`. Else a hash of body and signature; Slack signs the time as well, so there the
 * body alone counts. Undefined with `verify: none` and no id: two equal requests are two events then.
 */
export function deliveryId(verify: VerifySpec, delivery: Delivery): string | undefined {
  const id = providerId(verify, delivery);
  if (id !== undefined && id !== '') return id.length <= idCharsMax ? id : hashOf([utf8.encode(id)]);
  switch (verify.scheme) {
    case 'none':
      return undefined;
    case 'slack':
      return hashOf([delivery.body]);
    default:
      return hashOf([delivery.body, utf8.encode(delivery.headers(signatureHeader(verify))[0] ?? '')]);
  }
}

function providerId(verify: VerifySpec, { headers, body }: Delivery): string | undefined {
  switch (verify.scheme) {
    case 'github':
      return headers('x-github-delivery')[0];
    case 'standard':
      return headers('webhook-id')[0];
    case 'stripe':
      return readPointer(body, '/id');
    case 'slack':
      return readPointer(body, '/event_id');
    default:
      return headers('ce-id')[0];
  }
}

function signatureHeader(verify: VerifySpec): string {
  switch (verify.scheme) {
    case 'hmac':
      return verify.header.toLowerCase();
    case 'github':
      return 'x-hub-signature-256';
    case 'stripe':
      return 'stripe-signature';
    default:
      return 'webhook-signature';
  }
}

function hashOf(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}

/** Credentials, what belongs to the connection, and what the event's attributes already say. */
const withheld = new Set([
  'authorization',
  'cookie',
  'proxy-authorization',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'expect',
  'te',
  'trailer',
  'upgrade',
  headerNames.contentType,
  headerNames.traceparent,
]);

/** What the runtime gives a meaning of its own in records: a sender with `ce_faasseq` could make an event a duplicate, one with `faas-replay` a replay. */
const ownPrefixes = ['ce_', 'ce-', 'faas-'];

function recordHeaders(delivery: Delivery): readonly RecordHeader[] {
  return delivery.headerNames
    .filter(name => !withheld.has(name) && !ownPrefixes.some(prefix => name.startsWith(prefix)))
    .map(name => [name, utf8.encode(delivery.headers(name).join(', '))]);
}
