import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { type ApiServer, apiServerService, startApiServer } from '../services/kubernetes/api-server.ts';
import { describeWith } from '../services/needed-service.ts';

describeWith(apiServerService, 'the custom resources on a real API server', () => {
  let server: ApiServer;
  let folder: string;
  let files = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'faas-crds-'));
    server = await startApiServer();
    // A warning is as good as an error here.
    await server.kubectl('apply', '--server-side', '--dry-run=server', '--warnings-as-errors', '-f', 'helm/crds');
    for (const _ of ['created', 'upgraded']) {
      const applied = await runCli(['crds', 'apply', '--kubeconfig', server.kubeconfig], { cwd: folder });
      expect(applied).toMatchObject({ code: 0, stdout: 'contexts.faas.internal\nfunctions.faas.internal\n' });
    }
  }, 900_000);
  afterAll(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** What kubectl says; of a refusal the sentence of the API server. */
  async function apply(resource: object, ...more: string[]): Promise<string> {
    files += 1;
    const file = join(folder, `${files}.json`);
    await writeFile(file, JSON.stringify(resource));
    return server.kubectl('apply', '--server-side', '-f', file, ...more).catch((error: { readonly stderr: string }) => error.stderr.trim());
  }

  const resource = (kind: 'Context' | 'Function', name: string, spec: object) => ({
    apiVersion: 'faas.internal/v1',
    kind,
    metadata: { name },
    spec,
  });
  const fn = (more: object = {}, name = 'shop.totals') =>
    resource('Function', name, { code: { inline: 'export default () => {};' }, ...more });
  const on = (trigger: object) => fn({ triggers: [trigger] });

  test('a folder without definitions is refused', async () => {
    const refused = await runCli(['crds', 'apply', folder, '--kubeconfig', server.kubeconfig], { cwd: folder });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain(`there is no CustomResourceDefinition in ${folder}`);
  });

  test('the definitions are structural: the API server has no word against them', async () => {
    const problems = '{range .items[*]}{.status.conditions[?(@.type=="NonStructuralSchema")].message}{end}';
    expect(await server.kubectl('get', 'crd', '-o', `jsonpath=${problems}`)).toBe('');
  });

  test('a function and a context with everything in them are taken, and defaults filled in', async () => {
    const streams = { orders: { partitions: 4, schema: { type: 'object', required: ['total'] } }, vips: { internal: true } };
    expect(await apply(resource('Context', 'shop', { owner: 'team', streams }))).toContain('serverside-applied');
    const triggers = [
      { stream: { streams: ['orders'], order: 'key', filter: { key: 'a*', data: { '/a': 1, '/b': null, '/c': true } } } },
      { webhook: { path: '/orders/:id', verify: 'github', secret: 'orders-secret', key: 'json:/customer' } },
      { webhook: { path: '/other', verify: { hmac: { header: 'x-signature' } }, secret: 'other-secret' } },
      { schedule: { cron: '0 6 * * *', timezone: 'Europe/Kyiv' } },
      { resource: { apiVersion: 'v1', kind: 'ConfigMap', selector: 'app=prices', fields: ['/data/price'] } },
      { lag: { group: 'g', topics: ['t'], above: 100 } },
    ];
    const scale = { min: 0, max: 3, schedule: [{ cron: '0 8 * * 1-5', min: 1, max: 5 }] };
    const rest = { limits: { cpu: 2, memory: '64Mi' }, scale, warm: { keep: '5m' }, emits: ['vips'], env: { LEVEL: 'high' }, retry: {} };
    expect(await apply(fn({ triggers, ...rest }))).toContain('serverside-applied');
    const shown = await server.kubectl(
      'get',
      'fn',
      'shop.totals',
      '-o',
      'jsonpath={.spec.retry.attempts} {.spec.limits.cpu} {.spec.triggers[0].stream.filter.data}',
    );
    expect(shown).toBe('5 2 {"/a":1,"/b":null,"/c":true}');
  });

  describe('what cannot be is refused with a sentence', () => {
    test.each<[string, object, string]>([
      ['a name that is no unit', fn({}, 'totals'), 'the name must be <context>.<function>'],
      ['a context with a dot', resource('Context', 'a.b', {}), 'the name must be a-z, 0-9'],
      ['no code', resource('Function', 'shop.a', {}), 'spec.code: Required value'],
      ['code of neither kind', fn({ code: {} }, 'shop.none'), 'exactly one of inline and bundle must be given'],
      ['code of both kinds', fn({ code: { inline: 'x', bundle: 'a'.repeat(64) } }), 'exactly one of inline and bundle must be given'],
      ['a bundle that is no hash', fn({ code: { bundle: 'latest' } }), 'spec.code.bundle'],
      [
        'a trigger of two kinds',
        on({ schedule: { every: '1m' }, lag: { group: 'g', topics: ['t'], above: 1 } }),
        'must have at most 1 items',
      ],
      ['a schedule without a time', on({ schedule: { timezone: 'UTC' } }), 'exactly one of cron, every and at must be given'],
      ['a schedule with two', on({ schedule: { every: '1m', cron: '* * * * *' } }), 'exactly one of cron, every and at must be given'],
      ['a duration that is none', fn({ limits: { timeout: '5 s' } }), 'spec.limits.timeout'],
      ['a choice that is none', on({ stream: { streams: ['a'], order: 'random' } }), 'supported values: "partition", "key", "none"'],
      ['a field that is not known', fn({ retrys: 3 }), 'field not declared in schema'],
      ['bounds upside down', fn({ scale: { min: 4, max: 2 } }), 'min must not be larger than max'],
      ['a variable that is no name', fn({ env: { 'a b': 'x' } }), 'the name of an environment variable'],
      ['a stream that is no name', resource('Context', 'shop', { streams: { Orders: {} } }), 'each key must be a name such as'],
      [
        'an internal stream with a topic',
        resource('Context', 'shop', { streams: { a: { internal: true, topic: 't' } } }),
        'an internal stream has no topic of its own',
      ],
      ['a pointer that is none', on({ resource: { apiVersion: 'v1', kind: 'Pod', fields: ['status'] } }), 'fields'],
      ['replicas below zero', fn({ replicas: -1 }), 'spec.replicas'],
      ['too much code', fn({ code: { inline: 'x'.repeat(262_145) } }), 'may not be more than 262144'],
    ])('%s', async (_, wrong, sentence) => expect(await apply(wrong, '--dry-run=server', '--force-conflicts')).toContain(sentence));
  });

  test('kubectl get shows what there is to know, and status is not written by who writes the rest', async () => {
    await apply(fn({}, 'shop.shown'));
    const status = {
      observedGeneration: 1,
      conditions: [{ type: 'Ready', status: 'True', reason: 'Live', message: 'r1 is live', lastTransitionTime: '2026-01-01T00:00:00Z' }],
      ...{
        revision: 'r1-abcdef01',
        replicas: 2,
        selector: 'faas.internal/context=shop,faas.internal/function=shown',
        lag: 17,
        ageOfOldest: '3s',
        triggers: 'stream orders',
      },
    };
    expect(await apply({ ...fn({}, 'shop.shown'), status }, '--force-conflicts')).toContain('serverside-applied');
    expect(await server.kubectl('get', 'fn', 'shop.shown', '-o', 'jsonpath={.status}')).toBe('');
    await server.kubectl('patch', 'fn', 'shop.shown', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status }));
    const [head, row] = (await server.kubectl('get', 'fn', 'shop.shown')).split('\n').map(line => line.split(/ {2,}/));
    expect(head).toEqual(['NAME', 'READY', 'REPLICAS', 'AGE-OF-OLDEST', 'LAG', 'TRIGGERS', 'REVISION']);
    expect(row).toEqual(['shop.shown', 'True', '2', '3s', '17', 'stream orders', 'r1-abcdef01']);
  });

  test('kubectl scale sets replicas, and sees how many there are', async () => {
    await apply(fn({}, 'shop.scaled'));
    const selector = 'faas.internal/context=shop,faas.internal/function=scaled';
    const patch = JSON.stringify({ status: { replicas: 1, selector } });
    await server.kubectl('patch', 'fn', 'shop.scaled', '--subresource=status', '--type=merge', '-p', patch);
    await server.kubectl('scale', 'fn', 'shop.scaled', '--replicas=3');
    expect(await server.kubectl('get', 'fn', 'shop.scaled', '-o', 'jsonpath={.spec.replicas} {.status.replicas}')).toBe('3 1');
    const scale = JSON.parse(await server.kubectl('get', '--raw', '/apis/faas.internal/v1/namespaces/default/functions/shop.scaled/scale'));
    expect([scale.spec.replicas, scale.status]).toEqual([3, { replicas: 1, selector }]);
  });
});
