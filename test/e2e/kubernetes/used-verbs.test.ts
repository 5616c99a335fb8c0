import { expect, test } from 'vitest';
import type { AuditEvent } from '../../services/kubernetes/kubernetes-node.ts';
import { verbsGranted, verbsOf } from './used-verbs.ts';

const account = 'system:serviceaccount:faas-system:faas-controller';
const event = (verb: string, objectRef: AuditEvent['objectRef'], code = 200, username = account): AuditEvent => ({
  verb,
  user: { username },
  ...(objectRef !== undefined && { objectRef }),
  responseStatus: { code },
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

test('what is granted is each verb on each resource of each group, in the words of what is used', () => {
  const rules = [
    { apiGroups: [''], resources: ['pods', 'events'], verbs: ['create'] },
    { apiGroups: ['faas.internal'], resources: ['functions/status'], verbs: ['patch'] },
  ];
  expect(verbsGranted(rules)).toEqual(['create events', 'create pods', 'patch faas.internal/functions/status']);
  expect(verbsGranted([])).toEqual([]);
});
