import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { type AdminServerOptions, createAdminServer } from '../../controller/api/admin-server.ts';
import { loadToken } from '../../controller/api/token-file.ts';
import { systemClock } from '../../controller/clock.ts';
import { ConditionBoard } from '../../controller/conditions/condition-board.ts';
import type { UnitReport } from '../../controller/dispatch/dispatcher.ts';
import { dashboardFolder } from '../../controller/entries.ts';
import { noFaults } from '../../controller/fault-points.ts';
import { createDeployments } from '../../controller/functions/create-deployments.ts';
import type { DirectAnswer, DirectCall, DirectCalls } from '../../controller/gateway/direct-calls.ts';
import { createPodCallbacks } from '../../controller/gateway/pod-callbacks.ts';
import { createSecrets } from '../../controller/gateway/secrets.ts';
import { parseManifest } from '../../controller/manifest/parse-manifest.ts';
import type { ContextSpec } from '../../controller/manifest/spec.ts';
import { systemRandom } from '../../controller/random.ts';
import type { ScaleInputs } from '../../controller/scale/decision.ts';
import type { PartitionFigures } from '../../controller/scale/observe.ts';
import { createOverrides } from '../../controller/scale/overrides.ts';
import { loadSettings } from '../../controller/settings-source.ts';
import type { Log, LogFields } from '../../controller/telemetry/log.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { BatchTokens } from '../../controller/wire/batch-tokens.ts';
import type { PodView } from '../../controller/wire/pod-directory.ts';
import type { LoadResult } from '../../runtime/protocol/messages.ts';

const utf8 = new TextEncoder();

export const shopManifest = `
version: 1
context: shop
owner: team-shop
streams:
  orders: { topic: orders, partitions: 2, schema: schemas/order.json }
  vips: { internal: true, partitions: 2 }
functions:
  customer-totals:
    handler: src/customer-totals.ts
    on:
      - stream: { streams: [orders], from: earliest }
      - webhook: { path: /stripe, verify: stripe, secret: stripe-key, key: "json:/data/object/customer" }
    emits: [vips]
  tax:
    handler: src/tax.ts
    on:
      - schedule: { every: 5m }
`;

export const orderSchema = { type: 'object', required: ['total'], properties: { total: { type: 'number' } } };

export function specOf(text: string): ContextSpec {
  const files = new Map([['schemas/order.json', JSON.stringify(orderSchema)]]);
  const parsed = parseManifest(text, { file: 'faas.yaml', env: {}, fileExists: () => true, readFile: path => files.get(path) });
  if (parsed.kind === 'problems') throw new Error(JSON.stringify(parsed.problems));
  return parsed.spec;
}

export const bundle = utf8.encode('export default () => 1;');
export const bundleHash = createHash('sha256').update(bundle).digest('hex');

export interface LoggedLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

/** The admin listener on a free port over the memory adapters, with the real deployments; pods and calls answer what a test sets. */
export async function startAdmin(change: Partial<AdminServerOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'faas-api-'));
  const clock = systemClock;
  const random = systemRandom;
  const adapters = createMemoryAdapters({ clock, random });
  const lines: LoggedLine[] = [];
  const log = collectingLog(lines);
  const world = {
    folder,
    token: change.token ?? (await loadToken(folder, random)),
    ...adapters,
    lines,
    reports: [] as UnitReport[],
    scales: new Map<string, ScaleInputs>(),
    partitions: new Map<string, readonly PartitionFigures[]>(),
    pods: [] as PodView[],
    calls: [] as DirectCall[],
    load: { kind: 'ready', handler: 'event', phases: { loadMs: 1, initMs: 0 } } as LoadResult,
    answer: { kind: 'ok', answer: undefined, repeated: false } as DirectAnswer,
    tokens: new BatchTokens(),
    secretsEnv: {} as Record<string, string>,
  };
  const deployments = createDeployments({
    watchesResources: false,
    exclusively: work => work(),
    ...adapters,
    clock,
    faults: noFaults,
    log,
    trial: async () => world.load,
    abandon() {},
    async refresh() {},
    topicDefaults: { partitions: 2, retention: { ageMs: 86_400_000, bytesPerPartition: 2 ** 30 } },
  });
  const calls: DirectCalls = {
    async call(call) {
      world.calls.push(call);
      return world.answer;
    },
    giveUp() {},
    async stop() {},
  };
  const { settings, origins } = loadSettings({ flags: { 'admin-port': '0', data: folder }, env: {} });
  const conditions = new ConditionBoard({ ...adapters, clock, log });
  const server = await createAdminServer({
    version: '1.2.3',
    startedAtMs: clock.now(),
    examine: async () => [],
    token: world.token,
    dashboardFolder: dashboardFolder(),
    settings,
    origins,
    ...adapters,
    deployments,
    calls,
    dispatcher: { report: () => world.reports },
    seesAll: () => true,
    conditions,
    pods: { podsOf: unit => world.pods.filter(pod => pod.unit === unit) },
    scale: { inputs: unit => world.scales.get(unit), partitions: unit => world.partitions.get(unit) ?? [] },
    overrides: createOverrides(adapters.state, clock, random),
    secrets: createSecrets({ env: world.secretsEnv, folder: '', clock }),
    metrics: { contentType: 'text/plain; version=0.0.4; charset=utf-8', expose: async () => 'faas_up 1\n' },
    podCallbacks: createPodCallbacks({ state: adapters.state, calls, tokens: world.tokens, pods: {}, metrics: noMetrics }),
    readyChecks: [],
    clock,
    random,
    log,
    ...change,
  });
  const close = async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  };
  const { url, port } = await server.listen().catch(async error => {
    await close();
    throw error;
  });
  const request = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${world.token}`,
        ...(body !== undefined && { 'content-type': body instanceof Uint8Array ? 'application/octet-stream' : 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: body instanceof Uint8Array ? new Blob([body.slice()]) : JSON.stringify(body) }),
    });
  const json = async (method: string, path: string, body?: unknown) => {
    const response = await request(method, path, body);
    const answer: unknown = await response.json();
    return { status: response.status, answer };
  };
  const deploy = async (text = shopManifest) => {
    const spec = specOf(text);
    await request('PUT', `/v1/bundles/${bundleHash}`, bundle);
    return json('POST', '/v1/deployments', { spec, bundles: Object.fromEntries(spec.functions.map(one => [one.name, bundleHash])) });
  };
  return { ...world, world, conditions, settings, url, port, request, json, deploy, server, close };
}

function collectingLog(lines: LoggedLine[], base: LogFields = {}): Log {
  const at = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push({ level, message, fields: { ...base, ...fields } });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: fields => collectingLog(lines, { ...base, ...fields }),
  };
}
