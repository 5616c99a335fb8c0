import errors from 'kafkajs/src/protocol/error.js';
import { expect, test } from 'vitest';
import { kafkaError } from '../../controller/adapters/kafka/kafka-error.ts';
import { storeError } from '../../controller/adapters/redis/redis-errors.ts';

const illegalSaslState = 34;

test('SASL at a broker that wants none: the setting is named', () => {
  expect(kafkaError(errors.createErrorFromCode(illegalSaslState), 'connect to a:9092')).toMatchObject({
    code: 'FAAS_KAFKA_AUTH',
    hint: expect.stringContaining('kafka.sasl'),
  });
});

test('a Redis that stands still: where, in our words, and the setting', () => {
  const silence = new Error("Socket timeout. Expecting data, but didn't receive any in 3000ms.");
  expect(storeError(silence, 'a:6379')).toMatchObject({
    code: 'FAAS_STORE_UNREACHABLE',
    message: 'Redis at a:6379 does not answer: it takes what is sent, and says nothing',
    hint: expect.stringContaining('setting state'),
  });
});
