import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAdmin } from './start-admin.ts';

let admin: Awaited<ReturnType<typeof startAdmin>>;
beforeAll(async () => {
  admin = await startAdmin();
});
afterAll(() => admin.close());

test('a deployed context is listed, and its functions say what wakes them', async () => {
  const deployed = await admin.deploy();
  expect(deployed).toMatchObject({
    status: 200,
    answer: {
      functions: [
        { unit: 'shop.customer-totals', change: 'created' },
        { unit: 'shop.tax', change: 'created' },
      ],
    },
  });
  const { answer } = await admin.json('GET', '/v1/functions');
  expect(answer).toMatchObject({
    functions: [
      { unit: 'shop.customer-totals', triggers: ['stream orders', 'webhook /stripe'], pods: { ready: 0, draining: 0 }, backlogEvents: 0 },
      { unit: 'shop.tax', triggers: ['schedule every 5m'] },
    ],
  });
  expect(await admin.json('GET', '/v1/functions/shop/customer-totals')).toMatchObject({ status: 200 });
  expect(await admin.json('GET', '/v1/functions/shop/customer-totalz')).toMatchObject({
    status: 404,
    answer: { code: 'FAAS_FUNCTION_UNKNOWN' },
  });
  expect(await admin.json('GET', '/v1/version')).toMatchObject({ status: 200, answer: { version: '1.2.3' } });
  expect(await admin.json('GET', '/v1/openapi.json')).toMatchObject({ status: 200 });
  expect(await admin.json('GET', '/v1/functions/shop/tax/state')).toStrictEqual({ status: 200, answer: { entries: [] } });
});
