import { pathTo } from '../../controller/api/paths.ts';
import { deadLetterEmit } from '../../controller/dispatch/dead-letter.ts';
import { emptyMemory, type ScaleInputs } from '../../controller/scale/decision.ts';
import { known, unknown } from '../../controller/scale/figure.ts';
import type { ScaleObservation } from '../../controller/scale/observation.ts';
import { headerNames } from '../../runtime/protocol/headers.ts';
import { startAdmin } from '../api/start-admin.ts';

const utf8 = new TextEncoder();

export const shop = `
version: 1
context: shop
owner: team-shop
streams:
  orders: { topic: orders, partitions: 4 }
  vips: { internal: true, partitions: 2 }
functions:
  customer-totals:
    handler: src/customer-totals.ts
    on:
      - stream: { streams: [orders], from: earliest }
      - webhook: { path: /stripe, verify: stripe, secret: stripe-key }
    emits: [vips]
    calls: [tax]
  greet-vip:
    handler: src/greet-vip.ts
    on:
      - stream: { streams: [vips] }
  tax:
    handler: src/tax.ts
    on:
      - schedule: { cron: "0 6 * * *", timezone: Europe/Kyiv }
`;

export const unit = 'shop.customer-totals';
export const deadLetterTopic = `faas.${unit}.dlq`;
export const inboxTopic = `faas.${unit}.inbox`;

export type Admin = Awaited<ReturnType<typeof startAdmin>>;

export async function startShop(): Promise<Admin> {
  const admin = await startAdmin();
  await admin.deploy(shop);
  for (const name of ['customer-totals', 'greet-vip', 'tax']) see(admin, `shop.${name}`, {});
  return admin;
}

const calm: Omit<ScaleObservation, 'atMs' | 'steadyMs'> = {
  backlogEvents: known(20),
  oldestAgeMs: known(120),
  arrivalRate: known(100),
  arrivalRateSlow: known(100),
  arrivalRateCalm: known(100),
  arrivalTrend: 0,
  finishedRate: known(98),
  podRate: known(80),
  podRateBest: known(80),
  laneRate: known(10),
  startMs: known(400),
  inFlight: 12,
  openCalls: 0,
  askedPods: 0,
  pods: { ready: 2, starting: 0, draining: 0 },
  paused: false,
};
export const asleep: Partial<ScaleObservation> = {
  backlogEvents: known(0),
  oldestAgeMs: known(0),
  arrivalRate: known(0),
  finishedRate: known(0),
  podRate: unknown,
  inFlight: 0,
  pods: { ready: 0, starting: 0, draining: 0 },
};

/** What a decision of that time rests on. */
export function inputsSeen(atMs: number, seen: Partial<ScaleObservation> = {}): ScaleInputs {
  const observation = { ...calm, atMs, steadyMs: atMs, ...seen };
  const policy = {
    maxAgeMs: 30_000,
    min: 0,
    max: 20,
    boundsFrom: 'manifest',
    prefer: 'balanced',
    concurrency: 16,
    order: 'key',
    keepMs: 300_000,
  } as const;
  return { observation, policy, replicas: observation.pods.ready, memory: { ...emptyMemory, sinceMs: 0 } };
}

/** What scaling sees of a function from now on. */
export function see({ world }: Pick<Admin, 'world'>, name: string, seen: Partial<ScaleObservation>): void {
  world.scales.set(name, inputsSeen(Date.now(), seen));
  const topics = name === unit ? ['orders', inboxTopic] : [];
  const partitions = topics.flatMap(topic =>
    [0, 1, 2, 3].map(index => ({ name: `${topic}.${index}`, backlogEvents: index * 40, oldestAgeMs: index * 700, arrivalRate: 25 })),
  );
  world.partitions.set(name, partitions);
}

export async function failEvent(admin: Admin, id: string, message: string, payload = `{"id":"${id}"}`): Promise<void> {
  const letter = {
    unit,
    revision: 'r1-0a0b0c0d',
    reason: 'error',
    error: {
      code: 'FAAS_HANDLER_ERROR',
      name: 'TypeError',
      message,
      stack: `TypeError: ${message}\n    at handler (customer-totals.ts:7:3)`,
    },
    attempts: 5,
    crashes: 0,
    failedAtMs: Date.now() - 60_000,
    origin: { topic: 'orders', partition: 1, offset: 7, stream: 'orders' },
    key: utf8.encode(`key of ${id}`),
    value: utf8.encode(payload),
    headers: [[headerNames.id, utf8.encode(id)]] as const,
  };
  await admin.streams.append(deadLetterTopic, [deadLetterEmit(letter, deadLetterTopic, 2)]);
}

export function logError(admin: Admin, message: string): void {
  admin.history.write({ kind: 'log', atMs: Date.now(), unit, data: { level: 'error', message, eventId: 'e-1' } });
}

/** A decision as the scaler records it, and the start of the pod that followed. */
export function decideAndStart(admin: Admin): void {
  const inputs = admin.world.scales.get(unit);
  admin.history.write({
    kind: 'decision',
    atMs: Date.now(),
    unit,
    data: { what: 'scale', from: 1, replicas: 2, reason: 'arrivals', inputs },
  });
  admin.history.write({
    kind: 'decision',
    atMs: Date.now(),
    unit,
    data: { what: 'pod-start', pod: 'p1', revision: 'r1', bootMs: 41, loadMs: 3, initMs: 12 },
  });
}

export async function signInLink(admin: Admin): Promise<string> {
  const { answer } = await admin.json('POST', '/v1/login-links', {});
  return `${admin.url}${Object(answer).path}`;
}

/** The cookie of a browser that has followed a link. */
export async function sessionOf(admin: Admin) {
  const code = new URL(await signInLink(admin)).hash.slice(1);
  const response = await admin.request('POST', pathTo('signIn', {}), { code });
  const [name = '', value = ''] = (response.headers.get('set-cookie') ?? '').split(';')[0]?.split('=') ?? [];
  return { name, value, url: admin.url };
}

/** A key that is held back, as a commit of the dispatcher leaves it. */
export async function parkKey({ state }: Admin, key: string): Promise<void> {
  const source = { unit, name: 'orders.0' };
  await state.claim(source, { ownerToken: 'owner', nowMs: Date.now(), brokerGeneration: 0, committedOffset: 0 });
  const parking = { holds: [{ key, offset: 0, entry: utf8.encode('as it was read') }], pops: [], unflags: [] };
  const nothing = { highSeqs: [], clearAttempts: [], ids: [], knownIds: [], reads: [], writes: [], emits: [] };
  await state.commit(source, {
    ...nothing,
    ownerToken: 'owner',
    ordinal: 1,
    id: 'c1',
    stream: 's',
    highSeqOffset: 0,
    done: [[0, 1]],
    parking,
  });
}
