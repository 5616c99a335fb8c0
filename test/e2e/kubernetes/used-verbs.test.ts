import { expect, test } from 'vitest';
import type { AuditEvent } from '../../services/kubernetes/kubernetes-node.ts';
import { knowingRoles, verbsGranted, verbsOf } from './used-verbs.ts';

const account = 'system:serviceaccount:faas-system:faas-controller';
const event = (verb: string, objectRef: AuditEvent['objectRef'], code = 200, username = account): AuditEvent => ({
  verb,
  user: { username },
  ...(objectRef !== undefined && { objectRef }),
  responseStatus: { code },
  stageTimestamp: '2026-01-01T00:00:00.000000Z',
});
const functions = { apiGroup: 'faas.internal', resource: 'functions' };

test.each<[string, AuditEvent[], string[], string[]]>([
  ['of nobody', [], [], []],
  ['of another account', [event('list', { resource: 'pods' }, 200, 'system:node')], [], []],
  ['on no object, as of a version', [event('get', undefined)], [], []],
  ['of the core', [event('list', { resource: 'pods' })], ['list pods'], []],
  ['of a group', [event('list', functions)], ['list faas.internal/functions'], []],
  ['on a part of an object', [event('patch', { ...functions, subresource: 'status' })], ['patch faas.internal/functions/status'], []],
  ['that came twice', [event('list', functions), event('list', functions)], ['list faas.internal/functions'], []],
  ['that was refused', [event('get', { resource: 'secrets' }, 403)], ['get secrets'], ['get secrets']],
  ['that found nothing', [event('delete', { resource: 'pods' }, 404)], ['delete pods'], []],
  ['that applied what is there', [event('patch', functions, 200)], ['patch faas.internal/functions'], []],
  [
    'that applied what was not there',
    [event('patch', functions, 201)],
    ['create faas.internal/functions', 'patch faas.internal/functions'],
    [],
  ],
])('a request %s', (_, events, used, refused) => {
  expect(verbsOf(events, 'faas-system', 'faas-controller')).toEqual({ used, refused });
});

test('what was refused while the server started is left out, and nothing else', () => {
  const startUp = { fromMs: Date.parse('2026-01-01T00:00:10Z'), toMs: Date.parse('2026-01-01T00:00:12Z') };
  const at = (second: number, code: number) => ({
    ...event('list', functions, code),
    stageTimestamp: `2026-01-01T00:00:${String(second).padStart(2, '0')}.500000Z`,
  });
  const [before, started, asked, after] = [at(9, 403), at(11, 403), at(11, 200), at(12, 403)];
  expect(knowingRoles([before, started, asked, after], startUp)).toEqual([before, asked, after]);
});

test('what is granted is each verb on each resource of each group, in the words of what is used', () => {
  const rules = [
    { apiGroups: [''], resources: ['pods', 'events'], verbs: ['create'] },
    { apiGroups: ['faas.internal'], resources: ['functions/status'], verbs: ['patch'] },
  ];
  expect(verbsGranted(rules)).toEqual(['create events', 'create pods', 'patch faas.internal/functions/status']);
  expect(verbsGranted([])).toEqual([]);
});
