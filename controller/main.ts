import { createAdminServer } from './api/admin-server.ts';
import { summaries } from './api/function-survey.ts';
import { replayLetters } from './api/replay-letters.ts';
import { removeServerFile, writeServerFile } from './api/server-file.ts';
import { loadToken, readGivenToken } from './api/token-file.ts';
import { systemClock } from './clock.ts';
import { Cluster, leadership } from './cluster/cluster.ts';
import type { Hub } from './cluster/hub.ts';
import type { PodsWish } from './cluster/messages.ts';
import { ConditionBoard } from './conditions/condition-board.ts';
import { runSchedules } from './cron/schedule-loop.ts';
import { makeDataFolder } from './data-folder.ts';
import { createDispatcher } from './dispatch/create-dispatcher.ts';
import type { Dispatcher, UnitReport } from './dispatch/dispatcher.ts';
import { noDispatcher } from './dispatch/stored-results.ts';
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
import { Gauges, writeClusterGauges } from './gauges.ts';
import { runLagTriggers } from './lag/lag-loop.ts';
import { exclusively } from './lease/exclusive-work.ts';
import { runWhileLeading } from './lease/leadership-loop.ts';
import type { LeaseHolder } from './lease/lease-holder.ts';
import { together } from './lease/together.ts';
import { openKubernetes } from './open-kubernetes.ts';
import { openPods } from './open-pods.ts';
import { openStores } from './open-stores.ts';
import { runOperator } from './operator/operator-loop.ts';
import { writingDeployments } from './operator/writing-deployments.ts';
import { systemRandom } from './random.ts';
import { runReplays } from './replay/replay-loop.ts';
import { ReplayStore } from './replay/replay-store.ts';
import { rolesOf } from './roles.ts';
import { createOverrides } from './scale/overrides.ts';
import { ScaleLoop } from './scale/scale-loop.ts';
import { readClusterSecret } from './server-secrets.ts';
import type { Settings } from './settings.ts';
import type { SettingOrigins } from './settings-source.ts';
import { processHeap, spareMemory } from './spare-memory.ts';
import type { Log } from './telemetry/log.ts';
import { createMetrics } from './telemetry/prometheus-metrics.ts';
import { recordHandling } from './tune/handling-loop.ts';
import { HandlingMeter } from './tune/handling-meter.ts';
import { runUpkeep } from './upkeep-loop.ts';
import { packageVersion } from './version.ts';
import { runWatches } from './watch/watch-loop.ts';
import { BatchTokens } from './wire/batch-tokens.ts';
import { createHttpPodClient } from './wire/http-pod-client.ts';
import { PodExits } from './wire/pod-exits.ts';

export interface ServerOptions {
  readonly settings: Settings;
  readonly origins: SettingOrigins;
  readonly log: Log;
  /** Called before others can reach the server: from then on it is to be stopped in good order. Until then it may end at once, and leaves nothing behind. */
  readonly onServing: () => void;
}

export interface RunningServer {
  readonly adminUrl: string;
  /** Undefined: the process is no gateway. */
  readonly gatewayUrl: string | undefined;
  /** Resolves when the server cannot go on (its store is gone): end the process then, nothing acknowledged is lost. */
  readonly failure: Promise<Error>;
  /** Refuses new work, finishes what is in flight within `shutdown.grace`, ends the pods, closes the stores. */
  stop(): Promise<void>;
}

const podMemoryBytes = 256 * 2 ** 20;
/** So that a deployment that hangs is refused, and a resource says why, within 30 s. */
const loadTimeoutMs = 20_000;
const gaugesEveryMs = 1_000;
/** For `shutdown` of the functions, whatever is left of the grace; nobody waits for events of the pods any more. */
const lastPodsMs = 2_000;
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
  { settings, origins, log, onServing }: ServerOptions,
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
  makeDataFolder(folder);

  const stores = await openStores({ settings, env: process.env, clock, random, log });
  onStop(() => stores.close());
  const { streams, state, registry, history } = stores;
  const secret = stores.shared ? await readClusterSecret(settings, process.env.FAAS_CLUSTER_SECRET) : undefined;
  const roles = rolesOf(settings.roles, { shared: stores.shared, hasSecret: secret !== undefined });
  const kubernetes = await openKubernetes({ settings, clock, random, log });
  if (kubernetes !== undefined) onStop(() => kubernetes.close());
  const leaders = settings.leadership === 'lease' ? kubernetes?.leadership : stores.shared ? registry : undefined;
  const tokenFile = settings['admin.tokenFile'];
  const token = tokenFile === '' ? await loadToken(folder, random) : await readGivenToken(tokenFile);
  const conditions = new ConditionBoard({ registry, history, clock, log });
  onStop(async () => conditions.close());
  const client = createHttpPodClient({ clock, log });
  onStop(() => client.close());

  const hosts = roles.has('dispatcher');
  // A gateway starts no pods, wherever they are.
  const podsKubernetes = settings.pods === 'kubernetes' && (hosts || roles.has('controller')) ? kubernetes : undefined;
  const pods = await openPods({ settings, clock, random, log, env: process.env, kubernetes: podsKubernetes });
  const fleet = new Fleet({
    pods,
    client,
    registry,
    history,
    conditions,
    clock,
    log,
    metrics,
    limits: { pool: hosts ? settings['pods.pool'] : 0, podsMax: settings['pods.max'] },
    drainMs: settings['pods.drain'],
    loadTimeoutMs,
    callbackUrl: () => address(),
    hosts,
    released: async () => cluster?.released(),
    podMemoryBytes,
  });
  const name = random.token();
  const cluster: Cluster | undefined =
    secret === undefined
      ? undefined
      : new Cluster({
          secret,
          process: name,
          address,
          callbackUrl: () => address(),
          registry: leaders ?? registry,
          fleet,
          hosts,
          podsMax: settings['pods.max'],
          units: () => dispatcher.report(),
          calls: () => functions.live().map(({ unit }) => calls.figures(unit)),
          clock,
          log,
        });
  const directory = cluster?.pods ?? fleet;
  const exits = new PodExits({ pods: directory, client, clock });
  const data = { streams, state, history, conditions, pods: directory, client, exits, tokens, clock, random, faults, log, metrics };
  const dispatcher: Dispatcher = roles.has('dispatcher')
    ? createDispatcher({
        ...data,
        metrics: meter.watching(metrics),
        limits: {
          ...dispatchLimits,
          commitEventsMax: stores.state.capabilities.commitEventsMax,
          bytesPerPartitionMax: settings['dispatch.bytesPerPartition'],
          dedupeWindowMs,
        },
      })
    : noDispatcher(data);
  const lease: LeaseHolder = { registry, clock, log, holder: name };
  const slot = stores.shared ? await takeSlot(lease) : 'local';
  await conditions.load(stores.shared ? slot : '', roles.has('dispatcher'));
  const calls = createDirectCalls({ ...data, dedupeWindowMs, slot });
  const secrets = createSecrets({ env: process.env, folder: settings['secrets.dir'], clock });
  const gateway = roles.has('gateway') ? await createGatewayServer({ ...data, settings, token, calls, dispatcher, secrets }) : undefined;
  const functions = createFunctionsLoop({ registry, clock, log }, (live, handled) => {
    const units = new Set(live.map(({ unit }) => unit));
    conditions.keep(units);
    cluster?.hub?.keep(units);
    for (const role of [fleet, calls, gateway]) role?.update(live);
    dispatcher.update(handled);
  });
  const overrides = createOverrides(state, clock, random);
  const scaling = {
    ...data,
    overrides,
    idleLimitMs: settings['scale.idle'],
    budget: settings['scale.budget'],
    live: functions.live,
  };
  const alone = new ScaleLoop({
    ...scaling,
    idlePodsMax: () => idlePodsOf(settings['pods.max']),
    report: () => dispatcher.report(),
    calls: calls.figures,
    pods: () => fleet.counts(),
    replicas: unit => fleet.replicas(unit),
    scale: (unit, replicas) => fleet.scale(unit, replicas),
  });
  fleet.onWant((unit, wanted, reason) => alone.want(unit, wanted, reason));
  /** Of this process, or while it leads of all of them. */
  let scale = alone;
  const report = () => cluster?.hub?.reports() ?? dispatcher.report();
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
    watchesResources: kubernetes !== undefined,
    topicDefaults: {
      partitions: settings['streams.partitions'],
      retention: { ageMs: settings['streams.retention'], bytesPerPartition: settings['streams.retentionBytes'] },
    },
  });
  const resources = settings['kubernetes.resources'] ? kubernetes?.resources : undefined;
  const version = packageVersion();
  const podCallbacks = createPodCallbacks({ state, calls, tokens, pods, metrics });
  let isLeaving = false;
  let graceEndsAtMs = Number.POSITIVE_INFINITY;
  const readyChecks = [
    { name: 'staying', check: async () => !isLeaving },
    { name: 'store', check: async () => (await registry.functions()).length >= 0 },
    { name: 'dispatcher', check: async () => !roles.has('dispatcher') || hasJoined(functions.handled(), dispatcher.report()) },
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
    dispatcher: { report },
    seesAll: () => cluster === undefined || cluster.hub !== undefined,
    scale: { inputs: unit => scale.inputs(unit), partitions: unit => scale.partitions(unit) },
    overrides,
    secrets,
    examine: topics => stores.examine(topics),
    token,
    dashboardFolder: dashboardFolder(),
    podCallbacks,
    readyChecks,
    cluster: cluster && secret !== undefined ? { secret, hub: () => cluster.hub, signal: stopping.signal } : undefined,
    servesApi: roles.has('controller'),
  });

  onServing();
  onStop(() => admin.close());
  const { url: adminUrl } = await admin.listen();
  if (cluster !== undefined) {
    const leaving = new AbortController();
    const member = cluster.run(leaving.signal);
    onStop(() => {
      leaving.abort();
      return member;
    });
  }
  onStop(() => fleet.stop(cluster === undefined ? Math.max(lastPodsMs, graceLeftMs()) : settings['pods.drain']));
  onStop(() => dispatcher.stop(graceLeftMs()));
  if (stores.shared) {
    const leaving = new AbortController();
    const moved = (to: string) => {
      calls.moveTo(to);
      conditions.moveTo(to);
    };
    const kept = keepSlot(lease, slot, moved, leaving.signal);
    onStop(() => {
      leaving.abort();
      return kept;
    });
  }
  onStop(() => calls.stop(graceLeftMs()));
  onStop(async () => functions.stop());
  if (hosts || podsKubernetes !== undefined) await fleet.adopt();
  await functions.refresh();
  const figures = () => summaries({ ...data, registry, dispatcher: { report } });
  /** What a process that is gone has left: emits of direct calls go out, what it had found is over. */
  const adopt = async (slots: readonly string[]) => {
    await conditions.forget(slots);
    await calls.adopt(slots);
  };
  const duties = (whole: AbortSignal, fencing = 0) =>
    together(whole, [
      signal => runSchedules({ ...data, live: functions.live }, signal),
      signal => runLagTriggers({ ...data, live: functions.live }, signal),
      signal => runReplays({ ...data, replays: new ReplayStore(data), live: functions.live }, signal),
      signal => runUpkeep({ ...data, registry, dedupeBytesMax: settings['dedupe.bytes'] }, signal),
      async signal => kubernetes && runWatches({ ...data, objects: kubernetes.objects, live: functions.live }, signal),
      async signal =>
        kubernetes &&
        resources &&
        runOperator({ ...data, objects: kubernetes.objects, resources, registry, deployments, overrides, figures }, fencing, signal),
      async signal => stores.shared && adoptOrphans(lease, adopt, signal),
    ]);
  const guard = (signal: AbortSignal) => runGuard({ ...data, registry, deployments, report, replay: replayOf }, signal);
  const leads = async (signal: AbortSignal, fencing: number): Promise<void> => {
    if (cluster === undefined) return duties(signal, fencing);
    const onWant = (wish: PodsWish) => scale.want(wish.unit, wish.pods, wish.reason);
    const work = (hub: Hub, whole: AbortSignal) => {
      scale = new ScaleLoop({
        ...scaling,
        idlePodsMax: () => idlePodsOf(hub.podsMax()),
        report: () => hub.reports(),
        calls: unit => hub.calls(unit),
        pods: () => hub.counts(),
        replicas: unit => hub.replicas(unit),
        scale: (unit, replicas) => hub.scale(unit, replicas),
      });
      const loop = scale;
      return together(whole, [both => duties(both, fencing), guard, both => hub.complete(both).then(() => loop.run(both))]);
    };
    try {
      await cluster.lead({ term: random.token(), fencing, onWant }, work, signal);
    } finally {
      scale = alone;
    }
  };
  const leader = { ...lease, registry: leaders ?? registry, holder: cluster?.holder ?? name };
  const loops = [
    recordHandling({ ...data, meter }, stopping.signal),
    spareMemory(processHeap(), { clock, log }, stopping.signal),
    watchFigures(),
    ...(cluster === undefined ? [alone.run(stopping.signal), guard(stopping.signal)] : []),
    ...(leaders === undefined ? [duties(stopping.signal)] : []),
    ...(leaders !== undefined && roles.has('controller') ? [runWhileLeading(leader, leadership, leads, stopping.signal)] : []),
  ];
  onStop(async () => {
    stopping.abort();
    await Promise.all(loops);
  });
  onStop(async () => gateway?.close(graceLeftMs()));
  const gatewayUrl = (await gateway?.listen())?.url;
  onStop(async () => {
    isLeaving = true;
    await clock.sleep(settings['shutdown.delay']);
    graceEndsAtMs = clock.now() + settings['shutdown.grace'];
  });
  await writeServerFile(folder, { pid: process.pid, adminUrl, gatewayUrl, startedAtMs, version });
  onStop(() => removeServerFile(folder, process.pid));
  log.info('server listens', {
    roles: [...roles],
    admin: adminUrl,
    gateway: gatewayUrl,
    data: folder,
    streams: streams.capabilities.adapter,
    version,
  });
  return { adminUrl, gatewayUrl, failure: stores.failure };

  /** One time for all that is in flight, whoever has it. */
  function graceLeftMs(): number {
    return Math.max(0, Math.min(settings['shutdown.grace'], graceEndsAtMs - clock.now()));
  }

  /** Where others reach this process, and its pods call back. */
  function address(): string {
    return settings['cluster.address'] === '' ? adminUrl : settings['cluster.address'].replace(/\/$/, '');
  }

  async function replayOf(unit: string, revision: string, sinceMs: number): Promise<number> {
    const where = `revision="${revision}", age<=${Math.max(0, clock.now() - sinceMs)}ms`;
    return (await replayLetters({ streams, state, clock }, unit, { where })).replayed.length;
  }

  async function watchFigures(): Promise<void> {
    const gauges = new Gauges(metrics);
    while (!stopping.signal.aborted) {
      const reports = dispatcher.report();
      if (cluster === undefined) fleet.observe(new Map(reports.flatMap(report => [...report.inFlightByPod])));
      gauges.write(reports, fleet.list(), clock.now());
      if (cluster !== undefined) writeClusterGauges(metrics, cluster);
      await clock.sleep(gaugesEveryMs, stopping.signal);
    }
  }
}

function hasJoined(functions: readonly LiveFunction[], reports: readonly UnitReport[]): boolean {
  const joined = new Set(reports.map(report => report.unit));
  return functions.every(live => joined.has(live.unit));
}

/** Half of what there may be: the other half is for work that comes. */
function idlePodsOf(podsMax: number): number {
  return Math.max(1, Math.floor(podsMax / 2));
}

function once<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let result: Promise<Result> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}
