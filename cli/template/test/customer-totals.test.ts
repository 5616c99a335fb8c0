import { run } from 'faas/testing';
import { expect, test } from 'vitest';
import * as customerTotals from '../src/customer-totals.ts';

const order = (customer: string, total: number) => ({ stream: 'orders', key: customer, data: { total } });

test('counts and sums the orders of each customer', async () => {
  const { state } = await run(customerTotals, [order('alice', 10), order('bob', 5), order('alice', 20)], { emits: ['vips'] });
  expect(state).toEqual({
    alice: { orders: 2, sum: 30, vip: false },
    bob: { orders: 1, sum: 5, vip: false },
  });
});

test('names a customer who has spent more than 1000, once', async () => {
  const { emits } = await run(customerTotals, [order('alice', 600), order('alice', 401), order('alice', 5)], { emits: ['vips'] });
  expect(emits).toMatchObject([{ stream: 'vips', key: 'alice', data: { sum: 1001 } }]);
});
