import { setTimeout as sleep } from 'node:timers/promises';
import { patienceMs, type ServerProcess } from './server-process.ts';

const manifest = 'test/data/e2e/faas.yaml';
const keys = ['a', 'b', 'c', 'd'];
const beatMs = 500;
/** Where nothing has come nearer to right for so long, something stands still. Below the time in which a pod that is drained gives up. */
const stillMs = 20_000;

/** What the outside world has sent and knows to be accepted. */
export interface Sent {
  readonly webhooks: number;
  readonly calls: number;
}

export const nothing: Sent = { webhooks: 0, calls: 0 };

export async function deploy(server: ServerProcess, round = 0): Promise<void> {
  let last = '';
  await eventually(async () => {
    const { code, output } = await server.cli(['deploy', '-f', manifest], { ROUND: String(round), CONTEXT: server.context });
    last = output;
    return code === 0;
  }).catch(() => {
    throw new Error(`could not deploy: ${last}`);
  });
}

/** Sends the events from one count to another, each until it is accepted, a few at a time, under an id that makes a second copy the same event. */
export async function send(server: ServerProcess, before: Sent, after: Sent): Promise<void> {
  const all = [
    ...Array.from({ length: after.webhooks - before.webhooks }, (_, i) => () => post(server, 'webhook', before.webhooks + i)),
    ...Array.from({ length: after.calls - before.calls }, (_, i) => () => post(server, 'call', before.calls + i)),
  ];
  const next = async (): Promise<void> => {
    for (let one = all.shift(); one !== undefined; one = all.shift()) await one();
  };
  await Promise.all(Array.from({ length: 3 }, next));
}

/** What is wrong with what the server has in the end; looked up in its stores, and compared with what was sent. Waits while that changes. */
export async function check(server: ServerProcess, sent: Sent): Promise<readonly string[]> {
  let wrong: readonly string[] = ['nothing was looked at'];
  for (let sinceMs = performance.now(); wrong.length > 0; await sleep(50)) {
    const found = await disagreements(server, sent).catch(error => [String(error)]);
    if (found.join() !== wrong.join()) sinceMs = performance.now();
    wrong = found;
    if (performance.now() > sinceMs + stillMs) return wrong;
  }
  // Nothing may come after that.
  await sleep(300);
  return disagreements(server, sent);
}

export async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + patienceMs;
  for (let last = 'it was not so'; ; await sleep(50)) {
    const isNow = await isSo().catch((error: unknown) => {
      last = String(error);
      return false;
    });
    if (isNow) return;
    if (performance.now() > untilMs) throw new Error(`not after ${patienceMs} ms: ${last}`);
  }
}

async function post(server: ServerProcess, kind: 'webhook' | 'call', index: number): Promise<void> {
  const id = `${kind}-${index}`;
  const key = `${kind}-${keys[index % keys.length]}`;
  const body = JSON.stringify({ id, key, fail: kind === 'webhook' && index % 3 === 0 });
  await eventually(async () => {
    const address = await server.address();
    if (address === undefined) throw new Error('no server');
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${await server.token()}` };
    const signal = AbortSignal.timeout(10_000);
    const answer =
      kind === 'webhook'
        ? await fetch(`${address.gatewayUrl}/hooks/${server.context}/in`, {
            method: 'POST',
            body,
            headers: { ...headers, 'ce-id': id },
            signal,
          })
        : await fetch(`${address.gatewayUrl}/call/${server.context}/intake`, {
            method: 'POST',
            body,
            headers: { ...headers, 'x-faas-key': key, 'idempotency-key': id },
            signal,
          });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${kind} ${index} got ${answer.status}: ${text}`);
    return true;
  });
}

async function disagreements(server: ServerProcess, { webhooks, calls }: Sent): Promise<readonly string[]> {
  const wrong: string[] = [];
  const [intake, tally] = await Promise.all([logsOf(server, 'intake'), logsOf(server, 'tally')]);
  const emitted: string[] = [];
  for (const [kind, count] of [
    ['webhook', webhooks],
    ['call', calls],
  ] as const) {
    for (const [keyIndex, key] of keys.entries()) {
      const log = intake.get(`${kind}-${key}`) ?? [];
      const expected = Array.from({ length: count }, (_, i) => i).filter(i => i % keys.length === keyIndex);
      const difference = differenceOf(
        expected.map(i => `${kind}-${i}`),
        log,
      );
      if (difference !== undefined) wrong.push(`${kind}s of ${key}: ${difference}`);
      emitted.push(...log.map((id, i) => `${id}@${i + 1}`));
    }
  }
  const counted = differenceOf(emitted, [...tally.values()].flat());
  if (counted !== undefined) wrong.push(`tally: ${counted}`);
  wrong.push(...wrongTicks(intake.get('beat') ?? []));
  for (const name of ['intake', 'tally']) {
    const { total } = await server.ask<{ total: number }>(`/functions/${server.context}/${name}/dead-letters?limit=1`);
    if (total > 0) wrong.push(`${name} has ${total} dead letters`);
  }
  return wrong;
}

/** From the first due time on none is missing and none is twice. */
function wrongTicks(ids: readonly string[]): readonly string[] {
  const ticks = ids.map(id => Date.parse(id.slice(id.indexOf('@') + 1))).sort((a, b) => a - b);
  const [firstMs] = ticks;
  const isExact = firstMs !== undefined && ticks.every((atMs, i) => atMs === firstMs + i * beatMs);
  return isExact ? [] : [`ticks: ${ticks.map(atMs => atMs - (firstMs ?? 0)).join(' ')}`];
}

async function logsOf(server: ServerProcess, name: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const { entries } = await server.ask<{ entries: { key: string; value: { log: string[] } }[] }>(
    `/functions/${server.context}/${name}/state?limit=1000`,
  );
  return new Map(entries.map(({ key, value }) => [key, value.log]));
}

function differenceOf(wanted: readonly string[], seen: readonly string[]): string | undefined {
  const missing = wanted.filter(one => !seen.includes(one));
  const surplus = seen.filter((one, i) => seen.indexOf(one) !== i || !wanted.includes(one));
  if (missing.length + surplus.length === 0) return undefined;
  return `missing [${missing.join(' ')}], too many [${surplus.join(' ')}]`;
}
