import { mkdir } from 'node:fs/promises';
import { createAdminServer } from './api/admin-server.ts';
import { summaries } from './api/function-survey.ts';
import { replayLetters } from './api/replay-letters.ts';
import { removeServerFile, writeServerFile } from './api/server-file.ts';
import { loadToken, readGivenToken } from './api/token-file.ts';
import { systemClock } from './clock.ts';
import { ConditionBoard } from './conditions/condition-board.ts';
import { runSchedules } from './cron/schedule-loop.ts';
import { createDispatcher } from './dispatch/create-dispatcher.ts';
import type { UnitReport } from './dispatch/dispatcher.ts';
import { dashboardFolder } from './entries.ts';
import { armFaultPoint } from './fault-points.ts';
import { Fleet } from './fleet/fleet.ts';
import { createDeployments } from './functions/create-deployments.ts';
import { createFunctionsLoop } from './functions/functions-loop.ts';
import { runGuard } from './functions/guard-loop.ts';
import type { LiveFunction } from './functions/live-function.ts';
import { createDirectCalls } from './gateway/create-direct-calls.ts';
import { createGatewayServer } from './gateway/gateway-server.ts';
import { createPodCallbacks } from './gateway/pod-callbacks.ts';
import { createSecrets } from './gateway/secrets.ts';
import { adoptOrphans, keepSlot, takeSlot } from './gateway/slot-loop.ts';
import { writeGauges } from './gauges.ts';
import { runLagTriggers } from './lag/lag-loop.ts';
import { exclusively } from './lease/exclusive-work.ts';
import { runWhileLeading } from './lease/leadership-loop.ts';
import type { LeaseHolder } from './lease/lease-holder.ts';
import { openCluster } from './open-cluster.ts';
import { openPods } from './open-pods.ts';
import { openStores } from './open-stores.ts';
import { runOperator } from './operator/operator-loop.ts';
import { writingDeployments } from './operator/writing-deployments.ts';
import { systemRandom } from './random.ts';
import { runReplays } from './replay/replay-loop.ts';
import { ReplayStore } from './replay/replay-store.ts';
import { createOverrides } from './scale/overrides.ts';
import { ScaleLoop } from './scale/scale-loop.ts';
import type { Settings } from './settings.ts';
import type { SettingOrigins } from './settings-source.ts';
import type { Log } from './telemetry/log.ts';
import { createMetrics } from './telemetry/prometheus-metrics.ts';
import { recordHandling } from './tune/handling-loop.ts';
import { HandlingMeter } from './tune/handling-meter.ts';
import { runUpkeep } from './upkeep-loop.ts';
import { packageVersion } from './version.ts';
import { runWatches } from './watch/watch-loop.ts';
import { BatchTokens } from './wire/batch-tokens.ts';
import { createHttpPodClient } from './wire/http-pod-client.ts';

export interface ServerOptions {
  readonly settings: Settings;
  readonly origins: SettingOrigins;
  readonly log: Log;
}

export interface RunningServer {
  readonly adminUrl: string;
  readonly gatewayUrl: string;
  /** Resolves when the server cannot go on (its store is gone): end the process then, nothing acknowledged is lost. */
  readonly failure: Promise<Error>;
  /** Refuses new work, finishes what is in flight within `shutdown.grace`, ends the pods, closes the stores. */
  stop(): Promise<void>;
}

const podMemoryBytes = 256 * 2 ** 20;
const loadTimeoutMs = 30_000;
const gaugesEveryMs = 1_000;
const dispatchLimits = { windowOffsetsMax: 8_192, commitBytesMax: 256 * 2 ** 10 } as const;

/** The only place where adapters and roles are put together. What was opened is closed in reverse order, also when a later step fails. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const opened: (() => Promise<unknown>)[] = [];
  const stop = once(async () => {
    for (const close of opened.reverse()) await close().catch(error => options.log.error('could not stop in good order', { error }));
  });
  try {
    return { ...(await open(options, close => opened.push(close))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function open(
  { settings, origins, log }: ServerOptions,
  onStop: (close: () => Promise<unknown>) => void,
): Promise<Omit<RunningServer, 'stop'>> {
  const clock = systemClock;
  const random = systemRandom;
  const faults = armFaultPoint(process.env.FAAS_FAULT_POINT, () => process.kill(process.pid, 'SIGKILL'));
  const startedAtMs = clock.now();
  const folder = settings.data;
  const metrics = createMetrics();
  const meter = new HandlingMeter();
  const tokens = new BatchTokens();
  const stopping = new AbortController();
  const dedupeWindowMs = settings['dedupe.window'];
  await mkdir(folder, { recursive: true, mode: 0o700 });

  const stores = await openStores({ settings, env: process.env, clock, random, log });
  onStop(() => stores.close());
  const { streams, state, registry, history } = stores;
  const cluster = await openCluster({ settings, clock, random, log });
  if (cluster !== undefined) onStop(() => cluster.close());
  const tokenFile = settings['admin.tokenFile'];
  const token = tokenFile === '' ? await loadToken(folder, random) : await readGivenToken(tokenFile);
  const conditions = new ConditionBoard({ registry, history, clock, log });
  await conditions.load();
  onStop(async () => conditions.close());
  const client = createHttpPodClient({ clock, log });
  onStop(() => client.close());

  const fleet = new Fleet({
    pods: await openPods({ settings, env: process.env, clock, random, log }),
    client,
    registry,
    history,
    conditions,
    clock,
    log,
    metrics,
    limits: { pool: settings['pods.pool'], podsMax: settings['pods.max'] },
    drainMs: settings['pods.drain'],
    loadTimeoutMs,
    callbackUrl: () => settings['pods.callback'] || adminUrl,
    podMemoryBytes,
  });
  const data = { streams, state, history, conditions, pods: fleet, client, tokens, clock, random, faults, log, metrics };
  const dispatcher = createDispatcher({
    ...data,
    metrics: meter.watching(metrics),
    limits: {
      ...dispatchLimits,
      commitEventsMax: stores.state.capabilities.commitEventsMax,
      bytesPerPartitionMax: settings['dispatch.bytesPerPartition'],
      dedupeWindowMs,
    },
  });
  const lease: LeaseHolder = { registry, clock, log, holder: random.token() };
  const slot = stores.shared ? await takeSlot(lease) : 'local';
  const calls = createDirectCalls({ ...data, dedupeWindowMs, slot });
  const secrets = createSecrets({ env: process.env, folder: settings['secrets.dir'], clock });
  const gateway = await createGatewayServer({ ...data, settings, token, calls, dispatcher, secrets });
  const functions = createFunctionsLoop({ registry, clock, log }, (live, handled) => {
    conditions.keep(new Set(live.map(({ unit }) => unit)));
    for (const role of [fleet, calls, gateway]) role.update(live);
    dispatcher.update(handled);
  });
  const overrides = createOverrides(state, clock, random);
  const scale = new ScaleLoop({
    ...data,
    overrides,
    idleLimitMs: settings['scale.idle'],
    idlePodsMax: Math.max(1, Math.floor(settings['pods.max'] / 2)),
    budget: settings['scale.budget'],
    live: functions.live,
    report: () => dispatcher.report(),
    calls: calls.figures,
    pods: () => fleet.counts(),
    replicas: unit => fleet.replicas(unit),
    scale: (unit, replicas) => fleet.scale(unit, replicas),
  });
  fleet.onWant((unit, wanted, reason) => scale.want(unit, wanted, reason));
  const deployments = createDeployments({
    registry,
    streams,
    state,
    clock,
    faults,
    log,
    trial: live => fleet.trial(live),
    abandon: revisions => fleet.abandon(revisions),
    exclusively: work => (stores.shared ? exclusively(lease, 'deployments', work) : work()),
    refresh: functions.refresh,
    watchesResources: cluster !== undefined,
    topicDefaults: {
      partitions: settings['streams.partitions'],
      retention: { ageMs: settings['streams.retention'], bytesPerPartition: settings['streams.retentionBytes'] },
    },
  });
  const resources = settings['kubernetes.resources'] ? cluster?.resources : undefined;
  const version = packageVersion();
  const podCallbacks = createPodCallbacks({ state, calls, tokens, metrics });
  let isLeaving = false;
  const readyChecks = [
    { name: 'staying', check: async () => !isLeaving },
    { name: 'store', check: async () => (await registry.functions()).length >= 0 },
    { name: 'dispatcher', check: async () => hasJoined(functions.handled(), dispatcher.report()) },
  ];
  const admin = await createAdminServer({
    ...data,
    version,
    startedAtMs,
    settings,
    origins,
    registry,
    deployments: resources === undefined ? deployments : writingDeployments(deployments, { resources, log }),
    calls,
    dispatcher,
    scale,
    overrides,
    secrets,
    examine: topics => stores.examine(topics),
    token,
    dashboardFolder: dashboardFolder(),
    podCallbacks,
    readyChecks,
  });

  onStop(() => admin.close());
  const { url: adminUrl } = await admin.listen();
  onStop(() => fleet.stop());
  onStop(() => dispatcher.stop(settings['shutdown.grace']));
  if (stores.shared) {
    const leaving = new AbortController();
    const kept = keepSlot(lease, slot, calls, leaving.signal);
    onStop(() => {
      leaving.abort();
      return kept;
    });
  }
  onStop(() => calls.stop(settings['shutdown.grace']));
  onStop(async () => functions.stop());
  await fleet.adopt();
  await functions.refresh();
  const figures = () => summaries({ ...data, registry, dispatcher });
  const duties = (signal: AbortSignal, fencing = 0) =>
    Promise.all([
      runSchedules({ ...data, live: functions.live }, signal),
      runLagTriggers({ ...data, live: functions.live }, signal),
      runReplays({ ...data, replays: new ReplayStore(data), live: functions.live }, signal),
      runUpkeep({ ...data, registry, dedupeBytesMax: settings['dedupe.bytes'] }, signal),
      ...(cluster === undefined ? [] : [runWatches({ ...data, objects: cluster.objects, live: functions.live }, signal)]),
      ...(cluster === undefined || resources === undefined
        ? []
        : [runOperator({ ...data, objects: cluster.objects, resources, registry, deployments, overrides, figures }, fencing, signal)]),
      ...(stores.shared ? [adoptOrphans(lease, calls, signal)] : []),
    ]);
  const leadership = settings.leadership === 'lease' ? cluster?.leadership : stores.shared ? registry : undefined;
  const loops = [
    scale.run(stopping.signal),
    recordHandling({ ...data, meter }, stopping.signal),
    runGuard({ ...data, registry, deployments, report: () => dispatcher.report(), replay: replayOf }, stopping.signal),
    leadership === undefined
      ? duties(stopping.signal)
      : runWhileLeading({ ...lease, registry: leadership }, 'controller', duties, stopping.signal),
    watchFigures(),
  ];
  onStop(async () => {
    stopping.abort();
    await Promise.all(loops);
  });
  onStop(() => gateway.close());
  const { url: gatewayUrl } = await gateway.listen();
  onStop(() => {
    isLeaving = true;
    return clock.sleep(settings['shutdown.delay']);
  });
  await writeServerFile(folder, { pid: process.pid, adminUrl, gatewayUrl, startedAtMs, version });
  onStop(() => removeServerFile(folder, process.pid));
  log.info('server listens', { admin: adminUrl, gateway: gatewayUrl, data: folder, streams: streams.capabilities.adapter, version });
  return { adminUrl, gatewayUrl, failure: stores.failure };

  async function replayOf(unit: string, revision: string, sinceMs: number): Promise<number> {
    const where = `revision="${revision}", age<=${Math.max(0, clock.now() - sinceMs)}ms`;
    return (await replayLetters({ streams, state, clock }, unit, { where })).replayed.length;
  }

  async function watchFigures(): Promise<void> {
    while (!stopping.signal.aborted) {
      const reports = dispatcher.report();
      fleet.observe(new Map(reports.flatMap(report => [...report.inFlightByPod])));
      writeGauges(metrics, reports, fleet.list(), clock.now());
      await clock.sleep(gaugesEveryMs, stopping.signal);
    }
  }
}

function hasJoined(functions: readonly LiveFunction[], reports: readonly UnitReport[]): boolean {
  const joined = new Set(reports.map(report => report.unit));
  return functions.every(live => joined.has(live.unit));
}

function once<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let result: Promise<Result> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}
