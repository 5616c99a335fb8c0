import { expect, test } from 'vitest';
import { triggerSentence } from '../../controller/api/trigger-sentence.ts';
import { specOf } from './start-admin.ts';

const manifest = (trigger: string) => `
version: 1
context: shop
streams:
  orders: { topic: orders }
  refunds: { topic: refunds }
functions:
  f:
    handler: src/f.ts
    on: [ ${trigger} ]
`;

test.each([
  ['stream: { streams: [orders] }', 'stream orders'],
  ['stream: { streams: [orders, refunds] }', 'stream orders, refunds'],
  ['webhook: { path: /stripe, verify: stripe, secret: stripe-key }', 'webhook /stripe'],
  ['schedule: { cron: "0 6 * * *" }', 'schedule 0 6 * * *'],
  ['schedule: { every: 90s }', 'schedule every 90s'],
  ['schedule: { at: "2030-01-01T00:00:00Z" }', 'schedule at 2030-01-01T00:00:00.000Z'],
])('%s reads "%s"', (trigger, sentence) => {
  expect(specOf(manifest(trigger)).functions[0]?.on.map(triggerSentence)).toStrictEqual([sentence]);
});
