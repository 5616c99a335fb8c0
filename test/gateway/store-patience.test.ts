import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMemoryAdapters, type MemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { systemClock } from '../../controller/clock.ts';
import type { GatewayServer } from '../../controller/gateway/gateway-server.ts';
import { type OnServer, openOn, redisForTests } from '../contract/redis-on-server.ts';
import { type FaultProxy, respFrame, startFaultProxy } from '../services/fault-proxy.ts';
import { describeWith } from '../services/needed-service.ts';
import { eventually, redisService, startRedis } from '../services/redis.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { liveFunction } from './live-functions.ts';
import { webhookGateway } from './webhook-gateway.ts';

const orders = liveFunction('shop.orders', [
  { kind: 'webhook', path: '/orders', verify: { scheme: 'none' }, secret: undefined, key: undefined, respond: 'accepted' },
]);
const bodyMax = 32 << 20;

describeWith(redisService, 'a webhook while Redis is away', () => {
  const redis = redisForTests(() => startRedis());
  let proxy: FaultProxy;
  let server: OnServer;
  let memory: MemoryAdapters;
  let gateway: GatewayServer;
  let url: string;
  /** Ids of events that the store was asked for, each as often as it was. */
  let asked: string[];

  beforeEach(async () => {
    proxy = await startFaultProxy({ target: { port: redis().port }, frameEnd: respFrame });
    server = await openOn(`redis://127.0.0.1:${proxy.port}`, systemClock);
    memory = createMemoryAdapters({ clock: systemClock, random: seededRandom(1) });
    await memory.streams.ensureTopic(orders.inboxTopic, { partitions: 1 });
    asked = [];
    const { state } = server.adapters;
    const askedState = {
      capabilities: state.capabilities,
      known(unit: string, ids: readonly string[]) {
        asked.push(...ids);
        return state.known(unit, ids);
      },
    };
    gateway = await webhookGateway({ ...memory, state: askedState }, { resultOf: async () => ({ kind: 'timeout' }), bodyMax });
    gateway.update([orders]);
    ({ url } = await gateway.listen());
  });
  afterEach(async () => {
    await gateway.close(10_000);
    await server.close();
    await proxy.close();
  });

  const post = (id: string, body = '{}') => fetch(`${url}/hooks/shop/orders`, { method: 'POST', body, headers: { 'ce-id': id } });
  const timesAsked = (wanted: string) => asked.filter(id => id === wanted).length;
  const stored = async () => (await memory.streams.read(orders.inboxTopic, 0, 0, { records: 10, bytes: 1e9 })).records.length;

  test('for a moment: it waits, and is accepted', async () => {
    await proxy.refuse();
    const answer = post('e-1');
    await eventually('asked again', () => timesAsked('e-1') > 1);
    expect(await stored()).toBe(0);
    await proxy.accept();
    expect((await answer).status).toBe(202);
    expect(await stored()).toBe(1);
  });

  test('for longer: 503 with Retry-After, and nothing is stored', async () => {
    await proxy.refuse();
    const answer = await post('e-1');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(timesAsked('e-1')).toBeGreaterThan(1);
    expect(await stored()).toBe(0);
  });

  test('and many bytes wait already: refused at once, until they wait no more', async () => {
    await proxy.refuse();
    const large = post('large', ' '.repeat(17 << 20));
    await eventually('it waits', () => timesAsked('large') > 0);
    expect((await post('e-1')).status).toBe(503);
    expect(timesAsked('e-1')).toBe(1);
    await proxy.accept();
    expect((await large).status).toBe(202);
    await proxy.refuse();
    const later = post('e-2');
    await eventually('asked again', () => timesAsked('e-2') > 1);
    await proxy.accept();
    expect((await later).status).toBe(202);
  });
});
