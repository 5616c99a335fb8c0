import { expect, test } from 'vitest';
import { parseStreams } from '../controller/settings-streams.ts';

const at = (host: string, port: number) => ({ host, port });

test.each([
  ['sqlite', { kind: 'sqlite' }],
  ['kafka://a:9092', { kind: 'kafka', tls: false, seeds: [at('a', 9092)] }],
  [
    'kafka://a:9092,b.example:1,10.0.0.1:65535',
    { kind: 'kafka', tls: false, seeds: [at('a', 9092), at('b.example', 1), at('10.0.0.1', 65535)] },
  ],
  ['kafkas://[::1]:9093/', { kind: 'kafka', tls: true, seeds: [at('::1', 9093)] }],
])('%s', (text, place) => {
  expect(parseStreams(text)).toEqual(place);
});

test.each([
  '',
  'SQLite',
  'kafka://',
  'kafka://a',
  'kafka://a:',
  'kafka://a:0',
  'kafka://a:65536',
  'kafka://a:1,',
  'http://a:1',
  'kafka://user:secret@a:1',
])('"%s" is no place for streams, and no secret of it is repeated', text => {
  expect(() => parseStreams(text)).toThrow(
    expect.objectContaining({ code: 'FAAS_SETTING_VALUE', message: expect.not.stringContaining('secret') }),
  );
});
