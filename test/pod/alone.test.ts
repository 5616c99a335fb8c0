import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

async function start(
  orphanMs = 60_000,
  more: Readonly<Record<string, string>> = {},
): Promise<{ link: PodLink; address: string; ended: Promise<unknown[]> }> {
  const [free = 0] = await freePorts(1);
  const env = {
    FAAS_POD_BOOT_ID: bootId,
    FAAS_POD_TOKEN_SHA256: hashOf(token),
    FAAS_POD_MEMORY_BYTES: String(2 ** 28),
    FAAS_POD_PORT: String(free),
    FAAS_POD_GRACE_MS: '2000',
    FAAS_POD_ORPHAN_MS: String(orphanMs),
    ...more,
  };
  const host = more.FAAS_POD_IP?.includes(':') ? `[${more.FAAS_POD_IP}]` : '127.0.0.1';
  printed = '';
  child = spawn(process.execPath, [entryPath('pod-alone')], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout?.on('data', text => {
    printed += text;
  });
  const ended = once(child, 'exit');
  const address = `http://${host}:${env.FAAS_POD_PORT}`;
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

test('listens to IPv6 where its own address is one', async context => {
  const probe = createServer();
  const hasIpv6 = await new Promise(resolve => probe.once('error', () => resolve(false)).listen(0, '::1', () => resolve(true)));
  probe.close();
  if (hasIpv6 !== true) context.skip('this machine has no IPv6');
  const { link } = await start(60_000, { FAAS_POD_IP: '::1' });
  expect(await link.status()).toMatchObject({ bootId });
});

test('announces itself once it listens, and no more when somebody has attached', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'faas-alone-'));
  const tokenFile = join(folder, 'token');
  await writeFile(tokenFile, 'of the cluster');
  const [port = 0] = await freePorts(1);
  const heard: unknown[] = [];
  const server = createServer((request, response) => {
    request.on('data', async body => {
      heard.push([request.headers.authorization, JSON.parse(body)]);
      if (heard.length === 2) await new PodLink(`http://127.0.0.1:${port}`, token).attach(callbackUrl);
      response.writeHead(401).end();
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await start(60_000, {
    FAAS_POD_PORT: String(port),
    FAAS_POD_ANNOUNCE_URL: url,
    FAAS_POD_IDENTITY_FILE: tokenFile,
    FAAS_POD_IP: '127.0.0.1',
  });
  while (heard.length < 2) await sleep(10);
  await sleep(500);
  expect(heard).toEqual(Array(2).fill(['Bearer of the cluster', { bootId, ip: '127.0.0.1' }]));
  server.close();
  await rm(folder, { recursive: true });
});
