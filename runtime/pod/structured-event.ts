import { headerNames } from '../protocol/headers.ts';
import { encodeUtf8, stringifyJson } from '../protocol/intrinsics.ts';
import { FaasError } from '../sdk/errors.ts';

const structuredMedia = 'application/cloudevents+json';
const required = ['specversion', 'id', 'source', 'type'];

/** CloudEvents' structured mode: attributes and data in one JSON object. */
export function isStructured(contentType: string | undefined): boolean {
  return contentType !== undefined && contentType.slice(0, structuredMedia.length).toLowerCase() === structuredMedia;
}

export interface OpenedEnvelope {
  /** By the header names of binary mode, `ce_<name>`; the data's content type under `content-type`. */
  readonly attribute: ReadonlyMap<string, string>;
  /** Bytes that the content type describes; null where the envelope has no data. */
  readonly value: Uint8Array | null;
}

/**
 * The envelope as binary mode would have carried it (CloudEvents 1.0.2, JSON event format, sections 2 and 3): `data` is JSON whatever it is, unless its
 * content type is text; `data_base64` is bytes. Attributes that are no text, number or boolean are left out.
 */
export function openEnvelope(envelope: unknown): OpenedEnvelope {
  if (typeof envelope !== 'object' || envelope === null || Array.isArray(envelope)) {
    throw new FaasError('FAAS_DECODE', 'the structured CloudEvent is no JSON object');
  }
  const attribute = new Map<string, string>();
  for (const [name, value] of Object.entries(envelope)) {
    if (name === 'data' || name === 'data_base64') continue;
    const header = name === 'datacontenttype' ? headerNames.contentType : name === 'traceparent' ? headerNames.traceparent : `ce_${name}`;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') attribute.set(header, String(value));
  }
  const missing = required.filter(name => !attribute.has(`ce_${name}`));
  if (missing.length > 0) throw new FaasError('FAAS_DECODE', `the structured CloudEvent has no ${missing.join(', ')}`);
  return { attribute, value: payloadOf(envelope, attribute.get(headerNames.contentType)) };
}

function payloadOf(envelope: object, contentType: string | undefined): Uint8Array | null {
  const base64: unknown = Reflect.get(envelope, 'data_base64');
  if (typeof base64 === 'string') return new Uint8Array(Buffer.from(base64, 'base64'));
  const data: unknown = Reflect.get(envelope, 'data');
  if (data === undefined) return null;
  if (typeof data === 'string' && contentType !== undefined && !/json/i.test(contentType)) return encodeUtf8(data);
  return encodeUtf8(stringifyJson(data) ?? 'null');
}
