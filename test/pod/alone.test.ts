import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { type PodLine, PodLink } from '../../controller/adapters/kubernetes/pod-link.ts';
import { hashOf, podToken } from '../../controller/adapters/kubernetes/pod-token.ts';
import { systemClock } from '../../controller/clock.ts';
import { entryPath } from '../../controller/entries.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { createHttpPodClient } from '../../controller/wire/http-pod-client.ts';
import { freePorts } from '../services/free-ports.ts';
import { batchEvent, batchOf, loadRequest, runOn } from './pod-fixture.ts';

const bootId = 'boot';
const token = podToken('secret', bootId);
const callbackUrl = 'http://127.0.0.1:9';
let child: ChildProcess | undefined;
let printed = '';

afterEach(() => child?.kill('SIGKILL'));

async function start(orphanMs = 60_000): Promise<{ link: PodLink; address: string; ended: Promise<unknown[]> }> {
  const [port = 0] = await freePorts(1);
  const env = {
    FAAS_POD_BOOT_ID: bootId,
    FAAS_POD_TOKEN_SHA256: hashOf(token),
    FAAS_POD_MEMORY_BYTES: String(2 ** 28),
    FAAS_POD_PORT: String(port),
    FAAS_POD_GRACE_MS: '2000',
    FAAS_POD_ORPHAN_MS: String(orphanMs),
  };
  printed = '';
  child = spawn(process.execPath, [entryPath('pod-alone')], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout?.on('data', text => {
    printed += text;
  });
  const ended = once(child, 'exit');
  const address = `http://127.0.0.1:${port}`;
  while (
    !(await fetch(`${address}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    ))
  )
    await sleep(10);
  return { link: new PodLink(address, token), address, ended };
}

async function all(lines: AsyncIterable<PodLine>): Promise<readonly PodLine[]> {
  const kept: PodLine[] = [];
  for await (const line of lines) kept.push(line);
  return kept;
}

test('answers health to everybody, and all else to the token alone', async () => {
  const { link, address } = await start();
  await expect(new PodLink(address, 'another').status()).rejects.toThrow('401');
  await expect(new PodLink(address, hashOf(token)).attach(callbackUrl)).rejects.toThrow('401');
  expect(await link.status()).toMatchObject({ bootId, state: 'empty', unit: undefined, handler: undefined });
});

test('tells its parent what it prints, that somebody else ends it, and that it has ended', async () => {
  const { link, address, ended } = await start();
  const lines = all(await link.attach(callbackUrl));
  const client = createHttpPodClient({ clock: systemClock, log: silentLog });
  const pod = { id: 'pod', bootId, address, token, startedAtMs: 0, pid: undefined };
  await client.load(pod, loadRequest('console.log("imported"); export default () => {}'), 5_000);
  expect(await link.status()).toMatchObject({ state: 'ready', unit: 'shop.f', revision: 'r1-00000000', handler: 'event' });
  child?.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  expect(await lines).toEqual([
    { kind: 'output', stream: 'stdout', text: 'imported\n' },
    { kind: 'draining' },
    { kind: 'exit', reason: 'stopped' },
  ]);
  expect(printed).toBe('imported\n');
  await client.close();
});

test('ends when it is told to over the wire, with nothing said of others', async () => {
  const { link, ended } = await start();
  const lines = all(await link.attach(callbackUrl));
  await link.stop(1_000);
  expect([await ended, await lines]).toEqual([[0, null], [{ kind: 'exit', reason: 'stopped' }]]);
});

test('is killed over the wire, without a word', async () => {
  const { link, ended } = await start();
  const lines = all(await link.attach(callbackUrl)).catch(() => 'broken');
  await link.kill().catch(() => undefined);
  expect([await ended, await lines]).toEqual([[null, 'SIGKILL'], 'broken']);
});

test('the latest parent has it, and what runs asks that one', async () => {
  const { link, address } = await start();
  const first = all(await link.attach('http://127.0.0.1:1'));
  const client = createHttpPodClient({ clock: systemClock, log: silentLog });
  const pod = { id: 'pod', bootId, address, token, startedAtMs: 0, pid: undefined };
  await client.load(pod, loadRequest('export default async (event, ctx) => (await ctx.call("shop.tax", {})) ?? null'), 5_000);
  await link.attach('http://127.0.0.1:2');
  expect(await first).toEqual([{ kind: 'replaced' }]);
  const { outcomes } = await runOn(client, pod, batchOf([batchEvent(0, 0, { trigger: 'call' })]));
  expect(JSON.stringify(outcomes.get(0))).toContain('127.0.0.1:2');
  await client.close();
});

test('ends when nobody has shown the token for a while, and stays as long as somebody does', async () => {
  const { link, ended } = await start(1_000);
  const signs = setInterval(() => void link.status().catch(() => undefined), 200);
  const early = await Promise.race([ended, sleep(2_500, 'lives')]);
  clearInterval(signs);
  expect([early, await ended]).toEqual(['lives', [0, null]]);
});
