import { CloudEvent, Kafka } from 'cloudevents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeEvent } from '../../runtime/pod/decode-event.ts';
import type { BatchEvent } from '../../runtime/protocol/messages.ts';
import { batchEvent } from '../pod/pod-fixture.ts';

const utf8 = new TextEncoder();

/** A record as a producer that uses the CloudEvents package would write it. */
function recordOf(message: { headers: object; value?: unknown }): BatchEvent {
  const headers = Object.entries(message.headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, utf8.encode(String(value))] as const],
  );
  const value = typeof message.value === 'string' ? message.value : JSON.stringify(message.value);
  return batchEvent(0, undefined, {
    offset: 7,
    appendedAtMs: 0,
    key: utf8.encode('k'),
    value: value === undefined ? null : utf8.encode(value),
    headers,
  });
}

const word = fc.stringMatching(/^[a-zA-Z0-9/_.-]{1,20}$/);
const events = fc
  .record({
    id: word,
    source: word.map(path => `/${path}`),
    type: word,
    subject: fc.option(word, { nil: undefined }),
    data: fc.dictionary(word, fc.oneof(fc.integer(), fc.string(), fc.boolean())),
  })
  .map(
    ({ subject, ...rest }) =>
      new CloudEvent({
        ...rest,
        ...(subject !== undefined && { subject }),
        datacontenttype: 'application/json',
        time: '2026-01-02T03:04:05.000Z',
      }),
  );

describe.each([
  ['binary', (event: CloudEvent<unknown>) => Kafka.binary(event)],
  ['structured', (event: CloudEvent<unknown>) => Kafka.structured(event)],
] as const)('%s mode', (_, message) => {
  test('what the CloudEvents package writes is read with every attribute', () => {
    fc.assert(
      fc.property(events, event => {
        const read = decodeEvent(recordOf(message(event))).event;
        expect({ id: read.id, source: read.source, type: read.type, subject: read.subject, time: read.time, data: read.data }).toEqual({
          id: event.id,
          source: event.source,
          type: event.type,
          subject: event.subject,
          time: event.time,
          data: event.data,
        });
      }),
    );
  });
});

test.each([
  ['text', { id: '1', source: '/s', type: 't', specversion: '1.0', datacontenttype: 'text/plain', data: 'hello' }, 'hello'],
  [
    'bytes',
    { id: '1', source: '/s', type: 't', specversion: '1.0', datacontenttype: 'application/octet-stream', data_base64: 'AAEC' },
    new Uint8Array([0, 1, 2]),
  ],
  ['JSON text', { id: '1', source: '/s', type: 't', specversion: '1.0', data: 'hello' }, 'hello'],
  ['no data', { id: '1', source: '/s', type: 't', specversion: '1.0' }, null],
])('structured mode carries %s', (_, envelope, data) => {
  const record = recordOf({ headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' }, value: envelope });
  expect(decodeEvent(record).event.data).toEqual(data);
});

test.each([
  ['no object', '[1]'],
  ['no JSON', '{'],
  ['without its required attributes', '{"id":"1"}'],
])('a structured event that is %s is a decoding error', (_, value) => {
  const record = recordOf({ headers: { 'content-type': 'application/cloudevents+json' }, value });
  expect(() => decodeEvent(record)).toThrow(expect.objectContaining({ code: 'FAAS_DECODE' }));
});
