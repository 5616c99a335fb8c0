import { expect, test } from 'vitest';
import { ownerOf } from '../controller/open-pods.ts';

test.each([
  ['outside of a cluster', {}, undefined],
  ['with empty variables', { FAAS_POD_NAME: '', FAAS_POD_UID: '' }, undefined],
  ['in a Pod', { FAAS_POD_NAME: 'faas-0', FAAS_POD_UID: 'u-1' }, { name: 'faas-0', uid: 'u-1' }],
])('pods of a server %s are owned by its Pod, where there is one', (_, env, owner) => {
  expect(ownerOf(env)).toEqual(owner);
});

test.each([
  ['FAAS_POD_UID', 'metadata.uid', { FAAS_POD_NAME: 'faas-0' }],
  ['FAAS_POD_NAME', 'metadata.name', { FAAS_POD_UID: 'u-1' }],
])('half of a Pod is refused: %s is asked for', (missing, field, env) => {
  const expected = {
    code: 'FAAS_SETTING_VALUE',
    message: expect.stringContaining(`${missing} is not`),
    hint: expect.stringContaining(field),
  };
  expect(() => ownerOf(env)).toThrow(expect.objectContaining(expected));
});
