import { expect, test } from 'vitest';
import { readAttributes } from '../../controller/dispatch/event-attributes.ts';
import { passesFilter } from '../../controller/dispatch/event-filter.ts';
import { noteOf, offsetMetadata } from '../../controller/dispatch/offset-metadata.ts';
import type { FilterSpec } from '../../controller/manifest/spec.ts';
import type { RecordHeader } from '../../controller/ports/streams.ts';
import { packRecord } from '../../runtime/protocol/record.ts';

const attributesOf = (given: readonly RecordHeader[]) => readAttributes(packRecord({ key: null, value: null, headers: given }));
const headers = (given: Record<string, string>): RecordHeader[] => Object.entries(given).map(([name, value]) => [name, Buffer.from(value)]);

test.each<[string, Record<string, string>, object]>([
  ['a plain record', {}, { id: undefined, hop: 0, upstream: undefined, trigger: undefined }],
  ['an id', { ce_id: 'a1' }, { id: 'a1' }],
  ['a hop', { ce_hop: '16' }, { hop: 16 }],
  ['a hop that is no number', { ce_hop: 'x' }, { hop: 0 }],
  ['a negative hop', { ce_hop: '-1' }, { hop: 0 }],
  ['a trigger', { ce_faastrigger: 'webhook' }, { trigger: 'webhook' }],
  ['the name of a trigger', { ce_faastriggername: '/hook' }, { triggerName: '/hook' }],
  ['a trigger that is none', { ce_faastrigger: 'magic' }, { trigger: undefined }],
  ['a seq', { ce_faasstream: 'u', ce_faasseq: '12.3' }, { upstream: { stream: 'u', seq: { generation: 12, counter: 3 } } }],
  ['a seq without its stream', { ce_faasseq: '12.3' }, { upstream: undefined }],
  ['a seq of three numbers', { ce_faasstream: 'u', ce_faasseq: '1.2.3' }, { upstream: undefined }],
  ['a seq of one number', { ce_faasstream: 'u', ce_faasseq: '12' }, { upstream: undefined }],
])('attributes of %s', (_, given, expected) => {
  expect(attributesOf(headers(given))).toMatchObject(expected);
});

test('the last header of a name wins', () => {
  expect(attributesOf([...headers({ ce_id: 'first' }), ...headers({ ce_id: 'last' })]).id).toBe('last');
});

const filter = (given: Partial<FilterSpec>): FilterSpec => ({ key: undefined, headers: {}, data: {}, ...given });

test.each<[string, FilterSpec | undefined, string | null, Record<string, string>, boolean]>([
  ['no filter', undefined, null, {}, true],
  ['conditions on the payload alone', filter({ data: { '/a': 1 } }), null, {}, true],
  ['the key', filter({ key: 'eu' }), 'eu', {}, true],
  ['another key', filter({ key: 'eu' }), 'eu-1', {}, false],
  ['no key', filter({ key: 'eu' }), null, {}, false],
  ['a prefix of the key', filter({ key: 'eu*' }), 'eu-1', {}, true],
  ['the header', filter({ headers: { region: 'eu' } }), null, { region: 'eu' }, true],
  ['the header in other letters', filter({ headers: { Region: 'eu' } }), null, { rEGION: 'eu' }, true],
  ['another value of the header', filter({ headers: { region: 'eu' } }), null, { region: 'us' }, false],
  ['no such header', filter({ headers: { region: '*' } }), null, {}, false],
  ['one of two conditions', filter({ key: 'a', headers: { region: 'eu' } }), 'a', { region: 'us' }, false],
])('filter with %s', (_, spec, key, given, passes) => {
  expect(passesFilter(spec, key === null ? null : Buffer.from(key), headers(given))).toBe(passes);
});

test.each([
  ['', 0],
  ['gen=', 0],
  ['gen=17', 17],
  ['pinned by a deploy', 0],
  ['gen=17 lasting', 0],
  ['gen=17 topic=', 0],
])('the generation in the metadata %j is %i', (metadata, generation) => {
  expect(noteOf(metadata)).toEqual({ generation, isDurable: false, topicId: undefined });
});

test.each([
  { generation: 1_700_000_000_123, isDurable: false, topicId: undefined },
  { generation: 17, isDurable: true, topicId: undefined },
  { generation: 17, isDurable: false, topicId: 'Zk3-_x' },
  { generation: 17, isDurable: true, topicId: '4' },
])('the note %j beside an offset is read back', note => {
  expect(noteOf(offsetMetadata(note))).toEqual(note);
});
