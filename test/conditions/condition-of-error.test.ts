import { expect, test } from 'vitest';
import { conditionOfError } from '../../controller/conditions/condition-of-error.ts';
import { FaasError } from '../../controller/errors.ts';

test.each([
  ['FAAS_STATE_LOST', 'Halted', 'StateLost'],
  ['FAAS_STATE_ROLLED_BACK', 'Halted', 'StateRolledBack'],
  ['FAAS_STORE_UNREACHABLE', 'StateUnreachable', 'FAAS_STORE_UNREACHABLE'],
  ['FAAS_STORE_DENIED', 'NotAuthorised', 'FAAS_STORE_DENIED'],
  ['FAAS_REDIS_SLOTS', 'StoreRefused', 'FAAS_REDIS_SLOTS'],
  ['FAAS_STREAM_RECORD_TOO_LARGE', 'StoreRefused', 'FAAS_STREAM_RECORD_TOO_LARGE'],
  ['FAAS_KAFKA_UNREACHABLE', 'StreamUnreachable', 'FAAS_KAFKA_UNREACHABLE'],
  ['FAAS_KAFKA_AUTH', 'NotAuthorised', 'FAAS_KAFKA_AUTH'],
  ['FAAS_KAFKA_FORBIDDEN', 'NotAuthorised', 'FAAS_KAFKA_FORBIDDEN'],
  ['FAAS_KAFKA_TOO_FEW_REPLICAS', 'TooFewReplicas', 'FAAS_KAFKA_TOO_FEW_REPLICAS'],
  ['FAAS_STREAM_UNKNOWN_TOPIC', 'TopicMissing', 'FAAS_STREAM_UNKNOWN_TOPIC'],
])('%s is the condition %s, with the way out in its message', (code, type, reason) => {
  expect(conditionOfError(new FaasError(code, 'it is so', 'Do this.'))).toStrictEqual({ type, reason, message: 'it is so. Do this.' });
});

test.each([
  ['an error of one event', new FaasError('FAAS_EMIT_TOO_LARGE', 'too large')],
  ['an error that is not ours', new Error('boom')],
  ['no error', undefined],
])('%s is no condition', (_, error) => {
  expect(conditionOfError(error)).toBeUndefined();
});
