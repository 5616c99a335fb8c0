import { setTimeout as sleep } from 'node:timers/promises';
import { patienceMs, type ServerProcess } from './server-process.ts';
import { judgeShop, shopKeys as keys, type Sent, type ShopVerdict } from './shop-verdict.ts';

export type { Sent } from './shop-verdict.ts';

const manifest = 'test/data/e2e/faas.yaml';
/** Where nothing has come nearer to right for so long, something stands still. Below the time in which a pod that is drained gives up. */
const stillMs = 20_000;

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

/** What is wrong with what the server has in the end. */
export async function check(server: ServerProcess, sent: Sent): Promise<readonly string[]> {
  return (await examine(server, sent)).wrong;
}

/** Looks up what the server has in its stores, and compares it with what was sent; once more later, because nothing may come after that but the schedule. */
export async function examine(server: ServerProcess, sent: Sent): Promise<ShopVerdict> {
  const verdict = await settled(server, sent);
  if (verdict.wrong.length > 0) return verdict;
  await sleep(300);
  return settled(server, sent);
}

/** Waits while something is wrong and changes: of runs of the schedule that overlap a later one may be done first. */
async function settled(server: ServerProcess, sent: Sent): Promise<ShopVerdict> {
  let verdict: ShopVerdict = { lost: 0, twice: 0, wrong: ['nothing was looked at'] };
  for (let sinceMs = performance.now(); verdict.wrong.length > 0; await sleep(50)) {
    const found = await judged(server, sent).catch(error => ({ lost: 0, twice: 0, wrong: [String(error)] }));
    if (found.wrong.join() !== verdict.wrong.join()) sinceMs = performance.now();
    verdict = found;
    if (performance.now() > sinceMs + stillMs) return verdict;
  }
  return verdict;
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

async function judged(server: ServerProcess, sent: Sent): Promise<ShopVerdict> {
  const [intake, tally] = await Promise.all([logsOf(server, 'intake'), logsOf(server, 'tally')]);
  const deadLetters = new Map<string, number>();
  for (const name of ['intake', 'tally']) {
    const { total } = await server.ask<{ total: number }>(`/functions/${server.context}/${name}/dead-letters?limit=1`);
    deadLetters.set(name, total);
  }
  return judgeShop(sent, { intake, tally, deadLetters });
}

async function logsOf(server: ServerProcess, name: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const { entries } = await server.ask<{ entries: { key: string; value: { log: string[] } }[] }>(
    `/functions/${server.context}/${name}/state?limit=1000`,
  );
  return new Map(entries.map(({ key, value }) => [key, value.log]));
}
