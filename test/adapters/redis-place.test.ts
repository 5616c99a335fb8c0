import { expect, test } from 'vitest';
import { parseRedisPlace } from '../../controller/adapters/redis/redis-place.ts';

const single = { kind: 'single', setName: '', tls: false, username: undefined, database: 0 };

test.each([
  ['redis://localhost', { ...single, nodes: [{ host: 'localhost', port: 6379 }] }],
  ['redis://10.0.0.1:7000/3', { ...single, nodes: [{ host: '10.0.0.1', port: 7000 }], database: 3 }],
  ['rediss://me@host:1', { ...single, nodes: [{ host: 'host', port: 1 }], tls: true, username: 'me' }],
  ['redis://a%40b@host', { ...single, nodes: [{ host: 'host', port: 6379 }], username: 'a@b' }],
  ['redis://[::1]:65535', { ...single, nodes: [{ host: '::1', port: 65_535 }] }],
  [
    'redis+sentinel://a,b:2/main',
    {
      ...single,
      kind: 'sentinel',
      setName: 'main',
      nodes: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 2 },
      ],
    },
  ],
  [
    'rediss+cluster://a:1,b:2',
    {
      ...single,
      kind: 'cluster',
      tls: true,
      nodes: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
    },
  ],
])('%s', (text, place) => {
  expect(parseRedisPlace(text)).toEqual(place);
});

test.each([
  ['', 'address'],
  ['localhost:6379', 'address'],
  ['http://host', 'address'],
  ['redis://', 'address'],
  ['redis://me:secret@host', 'must not hold a password'],
  ['redis://:secret@host', 'must not hold a password'],
  ['redis://host:65536', 'host and a port'],
  ['redis://host:x', 'host and a port'],
  ['redis://a,b', 'one host'],
  ['redis://host/name', 'one host'],
  ['redis+sentinel://a', 'must name the set'],
  ['redis+cluster://a/1', 'must not name a database'],
])('%s is refused: %s', (text, message) => {
  expect(() => parseRedisPlace(text)).toThrow(message);
  expect(() => parseRedisPlace(text)).not.toThrow('secret');
});
