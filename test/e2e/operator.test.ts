import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, apiServerService, startApiServer } from '../services/kubernetes/api-server.ts';
import { conditionOf } from '../services/kubernetes/condition-of.ts';
import { describeWith } from '../services/needed-service.ts';
import { ServerProcess } from './server-process.ts';
import { eventually } from './shop-run.ts';

const limit = { timeout: 120_000 };
/** From a resource that cannot work to its condition. */
const saidWithinMs = 30_000;

const counting = (greeting: string) => `export default async function count(event, ctx) {
  const state = (await ctx.state.get()) ?? { n: 0 };
  ctx.state.set({ n: state.n + 1 });
  return { text: ${JSON.stringify(greeting)}, n: state.n + 1 };
}
`;

describeWith(apiServerService, 'functions as resources of a real API server', () => {
  let cluster: ApiServer;
  let server: ServerProcess;
  let folder: string;
  const env = () => ({ FAAS_KUBERNETES_KUBECONFIG: cluster.kubeconfig, FAAS_KUBERNETES_RESOURCES: 'true' });

  beforeAll(async () => {
    cluster = await startApiServer();
    folder = await mkdtemp(join(tmpdir(), 'faas-operator-'));
    await cluster.kubectl('apply', '--server-side', '-f', 'helm/crds');
    await cluster.kubectl(
      'wait',
      '--for=condition=Established',
      'crd/functions.faas.internal',
      'crd/contexts.faas.internal',
      '--timeout=30s',
    );
    server = await ServerProcess.create('shop');
    await server.start(env());
  }, 900_000);
  afterAll(async () => {
    await server?.dispose();
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function apply(kind: 'Context' | 'Function', name: string, spec: object, metadata: object = {}): Promise<void> {
    const file = join(folder, `${kind}-${name}.json`);
    await writeFile(file, JSON.stringify({ apiVersion: 'faas.internal/v1', kind, metadata: { name, ...metadata }, spec }));
    await cluster.kubectl('apply', '-f', file);
  }

  const applyCode = (name: string, inline: string, more: object = {}) => apply('Function', name, { code: { inline }, ...more });

  const condition = (name: string, type: string, kind = 'fn') => conditionOf((...args) => cluster.kubectl(...args), [kind, name], type);

  async function becomes(name: string, type: string, expected: string, kind = 'fn'): Promise<number> {
    const startedMs = performance.now();
    let last = '';
    while (last !== expected) {
      if (performance.now() - startedMs > saidWithinMs) throw new Error(`${name}: ${type} is ${last}, not ${expected}\n${server.output}`);
      await sleep(100);
      last = await condition(name, type, kind).catch(String);
    }
    return Math.round(performance.now() - startedMs);
  }

  async function call(name: string, key: string): Promise<unknown> {
    const address = await server.address();
    const answer = await fetch(`${address?.gatewayUrl}/call/shop/${name}`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await server.token()}`, 'x-faas-key': key },
    });
    return answer.json();
  }

  const revisionOf = (name: string) => cluster.kubectl('get', 'fn', name, '-o', 'jsonpath={.status.revision}');

  test('kubectl apply of an inline handler makes it live, and of another one its next revision', limit, async () => {
    await apply('Context', 'shop', { owner: 'team', streams: { orders: {} } });
    await applyCode('shop.totals', counting('one'), { triggers: [{ stream: { streams: ['orders'] } }] });
    const tookMs = await becomes('shop.totals', 'Ready', 'True Live');
    process.stdout.write(`resources: live ${tookMs} ms after kubectl apply\n`);
    expect(await call('totals', 'a')).toEqual({ text: 'one', n: 1 });
    const before = await revisionOf('shop.totals');
    await applyCode('shop.totals', counting('two'), { triggers: [{ stream: { streams: ['orders'] } }] });
    await eventually(async () => (await revisionOf('shop.totals')) !== before);
    expect(await call('totals', 'a')).toEqual({ text: 'two', n: 2 });
    const [head, row] = (await cluster.kubectl('get', 'fn')).split('\n').map(line => line.split(/ {2,}/));
    expect([head?.[1], row?.[0], row?.[1], row?.[5]]).toEqual(['READY', 'shop.totals', 'True', 'stream orders']);
    await becomes('shop', 'Ready', 'True Live', 'context');
    const events = await cluster.kubectl('get', 'events', '-o', 'jsonpath={range .items[*]}{.reason} {.involvedObject.name}{"\\n"}{end}');
    expect(events.split('\n').filter(line => line === 'Deployed shop.totals').length).toBe(2);
  });

  test('what cannot work says why, keeps the old revision, stops nobody, and is no crash loop', { timeout: 300_000 }, async () => {
    const before = await revisionOf('shop.totals');
    const stream = (name: string) => ({ triggers: [{ stream: { streams: [name] } }] });
    const wrong: [string, string, object, string][] = [
      ['shop.totals', 'syntax', { code: { inline: 'export default (' } }, 'FAAS_LOAD_SYNTAX'],
      ['shop.throws', 'throws', { code: { inline: 'throw new Error("no"); export default 1;' } }, 'FAAS_LOAD_IMPORT'],
      ['shop.nothing', 'no handler', { code: { inline: 'export const other = 1;' } }, 'FAAS_LOAD_EXPORT'],
      ['shop.bundle', 'a bundle that is not there', { code: { bundle: 'a'.repeat(64) } }, 'FAAS_BUNDLE_UNKNOWN'],
      ['shop.unknown', 'an unknown stream', { code: { inline: counting('x') }, ...stream('nowhere') }, 'FAAS_MANIFEST_UNDECLARED'],
      ['shop.foreign', 'a foreign context', { code: { inline: counting('x') }, ...stream('sales.orders') }, 'FAAS_MANIFEST_FOREIGN'],
      [
        'shop.cron',
        'a bad cron pattern',
        { code: { inline: counting('x') }, triggers: [{ schedule: { cron: '99 * * * *' } }] },
        'FAAS_MANIFEST_SCHEDULE',
      ],
    ];
    for (const [name, , spec] of wrong) await apply('Function', name, spec);
    await applyCode('shop.good', counting('good'));
    for (const [name, title, , code] of wrong) {
      const tookMs = await becomes(name, 'Progressing', `False ${code}`);
      process.stdout.write(`resources: ${title}: ${code} within ${tookMs} ms\n`);
    }
    await becomes('shop.good', 'Ready', 'True Live');
    expect(await condition('shop.totals', 'Ready')).toBe('True Live');
    expect(await condition('shop.throws', 'Ready')).toBe('False FAAS_LOAD_IMPORT');
    expect([await revisionOf('shop.totals'), await call('totals', 'b')]).toEqual([before, { text: 'two', n: 1 }]);
    const versions = () => cluster.kubectl('get', 'fn', '-o', 'jsonpath={range .items[*]}{.status.conditions}{"\\n"}{end}');
    const seen = await versions();
    await sleep(6_000);
    expect(await versions()).toBe(seen);
    expect(server.isRunning).toBe(true);
  });

  test('what was missing comes, and what waited for it is live', limit, async () => {
    await apply('Context', 'shop', { owner: 'team', streams: { orders: {}, nowhere: { internal: true } } });
    await becomes('shop.unknown', 'Ready', 'True Live');
    for (const name of ['shop.throws', 'shop.nothing', 'shop.bundle', 'shop.foreign', 'shop.cron', 'shop.unknown']) {
      await cluster.kubectl('delete', 'fn', name, '--timeout=30s');
    }
  });

  test('kubectl scale holds so many pods', limit, async () => {
    await cluster.kubectl('scale', 'fn', 'shop.good', '--replicas=2');
    await eventually(async () => (await cluster.kubectl('get', 'fn', 'shop.good', '-o', 'jsonpath={.status.replicas}')) === '2');
    await cluster.kubectl('patch', 'fn', 'shop.good', '--type=json', '-p', '[{"op":"remove","path":"/spec/replicas"}]');
  });

  test('faas deploy writes what it deploys, and nothing is deployed twice', limit, async () => {
    const { code, output } = await server.cli(['deploy', '-f', 'test/data/e2e/faas.yaml'], { CONTEXT: 'written' });
    expect(code, output).toBe(0);
    expect(output).not.toContain('could not be written');
    await becomes('written.intake', 'Ready', 'True Live');
    await becomes('written.tally', 'Ready', 'True Live');
    expect(await revisionOf('written.intake')).toMatch(/^r1-/);
    expect(
      await cluster.kubectl('get', 'fn', 'written.intake', '-o', 'jsonpath={.spec.code.source} {.spec.triggers[1].schedule.every}'),
    ).toBe('src/intake.ts 500ms');
    expect((await server.cli(['delete', 'written', '--state', '--yes'])).code).toBe(0);
    await eventually(async () => (await cluster.kubectl('get', 'fn,contexts', '-o', 'name')).includes('written') === false);
    expect((await server.cli(['list'])).output).not.toContain('written');
  });

  test('a server that was killed finds everything as it is, and goes on', limit, async () => {
    const before = await revisionOf('shop.totals');
    await server.kill();
    await applyCode('shop.good', counting('meanwhile'));
    await server.start(env());
    await becomes('shop.good', 'Progressing', 'True Deployed');
    await eventually(async () => ((await call('good', 'a')) as { text: string }).text === 'meanwhile');
    expect(await revisionOf('shop.totals')).toBe(before);
  });

  test('kubectl delete drains and keeps the state; with its annotation the state goes too', limit, async () => {
    expect(await call('good', 'kept')).toMatchObject({ n: 1 });
    await cluster.kubectl('delete', 'fn', 'shop.good', '--timeout=30s');
    expect((await server.cli(['list'])).output).not.toContain('shop.good');
    await applyCode('shop.good', counting('back'));
    await becomes('shop.good', 'Ready', 'True Live');
    expect(await call('good', 'kept')).toEqual({ text: 'back', n: 2 });
    await cluster.kubectl('annotate', 'fn', 'shop.good', 'faas.internal/delete-state=true');
    await cluster.kubectl('delete', 'fn', 'shop.good', '--timeout=60s');
    await applyCode('shop.good', counting('anew'));
    await becomes('shop.good', 'Ready', 'True Live');
    expect(await call('good', 'kept')).toEqual({ text: 'anew', n: 1 });
  });

  test('a context goes after its functions', limit, async () => {
    await cluster.kubectl('delete', 'context', 'shop', '--wait=false');
    await sleep(2_000);
    expect(await cluster.kubectl('get', 'contexts', '-o', 'name')).toBe('context.faas.internal/shop');
    await cluster.kubectl('delete', 'fn', '--all', '--timeout=60s');
    await eventually(async () => (await cluster.kubectl('get', 'contexts', '-o', 'name')) === '');
    expect((await server.cli(['list', 'contexts'])).output).not.toContain('shop');
  });
});
