import type { LoadResult } from '../../runtime/protocol/messages.ts';
import type { Clock } from '../clock.ts';
import type { ErrorCode } from '../error-codes.ts';
import { FaasError } from '../errors.ts';
import type { FaultPoints } from '../fault-points.ts';
import type { ContextSpec, FunctionSpec } from '../manifest/spec.ts';
import type { NewRevision, Registry, RevisionRecord } from '../ports/registry.ts';
import type { StateStore } from '../ports/state.ts';
import type { Streams, TopicOptions } from '../ports/streams.ts';
import type { Log } from '../telemetry/log.ts';
import { checkDeployment } from './check-deployment.ts';
import type { DeployedFunction, Deployments, DeployProblem, DeployResult, RemovalOptions, RemoveResult } from './deployments.ts';
import { deadLetterTopicOf, groupOf, inboxTopicOf, type LiveFunction, unitOf } from './live-function.ts';
import { loadProblem } from './load-problem.ts';
import { pinOffsets } from './pin-offsets.ts';
import { resolveLive } from './resolve-live.ts';
import { revisionHash, topicsOf } from './revision.ts';

export interface DeploymentsOptions {
  readonly registry: Registry;
  readonly streams: Streams;
  readonly state: StateStore;
  readonly clock: Clock;
  readonly faults: FaultPoints;
  readonly log: Log;
  /** Starts a revision on a pod of its own (fleet). */
  readonly trial: (live: LiveFunction) => Promise<LoadResult>;
  readonly abandon: (revisions: readonly LiveFunction[]) => void;
  /** Does the work while no other server changes what is live. */
  readonly exclusively: <Result>(work: () => Promise<Result>) => Promise<Result>;
  /** Tells everyone what is live now; resolves when they know. */
  readonly refresh: () => Promise<void>;
  /** Whether the server has a cluster whose resources can be watched. */
  readonly watchesResources: boolean;
  readonly topicDefaults: Required<Pick<TopicOptions, 'partitions'>> & { readonly retention: NonNullable<TopicOptions['retention']> };
}

/** A context may have hundreds of functions: pods that all start at the same time take each other's. */
const trialsAtOnce = 4;

/** One change at a time: two deployments at once would each prove against a world that the other changes. */
export function createDeployments(options: DeploymentsOptions): Deployments {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const alone = () => options.exclusively(work);
    const turn = last.then(alone, alone);
    last = turn.catch(() => undefined);
    return turn;
  };
  const deployNow: Deployments['deploy'] = (spec, bundleHashes, removal = {}) => deploy(options, spec, bundleHashes, removal);
  return {
    exclusively: work => inTurn(() => work(deployNow)),
    deploy: (spec, bundleHashes, removal) => inTurn(() => deployNow(spec, bundleHashes, removal)),
    remove: (context, functionName, removal) => inTurn(() => remove(options, context, functionName, removal)),
    rollBack: (unit, revision, from) => inTurn(() => rollBack(options, unit, revision, from)),
  };
}

async function deploy(
  options: DeploymentsOptions,
  spec: ContextSpec,
  bundleHashes: ReadonlyMap<string, string>,
  removal: RemovalOptions,
): Promise<DeployResult> {
  const { registry, state, clock, watchesResources } = options;
  const contexts = new Map((await registry.contexts()).map(record => [record.spec.context, record.spec]));
  const abilities = { keepsStrict: state.capabilities.keepsStrict, watchesResources };
  const problems = [...checkDeployment(spec, [...contexts.values()], abilities), ...(await missingBundles(registry, spec, bundleHashes))];
  if (problems.length > 0) return { kind: 'refused', problems };
  contexts.set(spec.context, spec);
  const nowMs = clock.now();
  const revisions = await registry.putRevisions(
    spec.context,
    spec.functions.map(one => newRevision(one, contexts, bundleHashes.get(one.name) ?? '', nowMs)),
  );
  return activate(options, spec, revisions, contexts, removal);
}

/** Proves what changed, creates what it needs, then makes everything live in one step. */
async function activate(
  options: DeploymentsOptions,
  spec: ContextSpec,
  revisions: readonly RevisionRecord[],
  contexts: ReadonlyMap<string, ContextSpec>,
  { withdraw }: RemovalOptions,
): Promise<DeployResult> {
  const { registry, clock, faults } = options;
  const before = new Map((await registry.functions(spec.context)).map(record => [record.unit, record.live.id]));
  const changed = revisions.filter(record => before.get(record.unit) !== record.id).map(record => resolveLive(record, contexts));
  const failures = await prove(options, changed);
  if (failures.length > 0) {
    options.abandon(changed);
    return { kind: 'refused', problems: failures };
  }
  try {
    const warnings = await createTopics(options, spec);
    for (const live of revisions.map(record => resolveLive(record, contexts))) await pinOffsets(options.streams, live);
    const changes = changesOf(before, revisions);
    const removed = changes.filter(({ change }) => change === 'removed').map(({ unit }) => unit);
    if (removed.length > 0) await withdraw?.(removed);
    faults('deploy.before-activate');
    await registry.activate(spec, new Map(revisions.map(record => [record.spec.name, record.id])), clock.now());
    faults('deploy.after-activate');
    await options.refresh();
    return { kind: 'deployed', functions: changes, warnings };
  } catch (error) {
    options.abandon(changed);
    throw error;
  }
}

function newRevision(spec: FunctionSpec, contexts: ReadonlyMap<string, ContextSpec>, bundleHash: string, createdAtMs: number): NewRevision {
  const topics = new Map([...topicsOf(spec, contexts)].map(([name, topic]) => [name, topic ?? '']));
  return { functionName: spec.name, hash: revisionHash(bundleHash, spec, topics), bundleHash, spec, createdAtMs };
}

async function missingBundles(
  registry: Registry,
  spec: ContextSpec,
  bundleHashes: ReadonlyMap<string, string>,
): Promise<readonly DeployProblem[]> {
  const problems: DeployProblem[] = [];
  for (const { name } of spec.functions) {
    const hash = bundleHashes.get(name);
    if (hash !== undefined && (await registry.bundle(hash)) !== undefined) continue;
    const message =
      hash === undefined
        ? `no bundle is named for the function "${name}"`
        : `the bundle ${hash.slice(0, 12)} of the function "${name}" was not uploaded`;
    problems.push({
      unit: unitOf(spec.context, name),
      code: 'FAAS_BUNDLE_UNKNOWN',
      message,
      hint: 'Upload it with PUT /v1/bundles/<sha256> before the deployment; `faas deploy` does both.',
    });
  }
  return problems;
}

async function prove(options: DeploymentsOptions, changed: readonly LiveFunction[]): Promise<readonly DeployProblem[]> {
  const results = new Map<LiveFunction, LoadResult>();
  const waiting = changed.values();
  let hasRoom = true;
  const proveNext = async (): Promise<void> => {
    for (const live of waiting) {
      const result = await options.trial(live).catch(failedToStart);
      results.set(live, result);
      hasRoom &&= result.kind === 'ready' || result.error.code !== 'FAAS_POD_START';
      // Each of hundreds would wait in vain, and others for this deployment.
      if (!hasRoom) return;
    }
  };
  await Promise.all(Array.from({ length: trialsAtOnce }, proveNext));
  return changed.flatMap(live => {
    const result = results.get(live);
    if (result?.kind !== 'failed') return [];
    return [loadProblem(live.unit, live.spec.handler, result.error)];
  });
}

function failedToStart(error: unknown): LoadResult {
  return {
    kind: 'failed',
    error: {
      code: 'FAAS_POD_START',
      name: 'Error',
      message: `no pod could be started: ${error instanceof Error ? error.message : String(error)}`,
      stack: undefined,
    },
  };
}

/**
 * Of an inbox and of a topic of dead letters. Partitions say how many dispatchers share them, not how much is handled at a time, and with hundreds of functions most of
 * all partitions are theirs.
 */
const ownPartitionsMax = 4;

async function createTopics(options: DeploymentsOptions, spec: ContextSpec): Promise<readonly string[]> {
  const { streams, topicDefaults } = options;
  const warnings: string[] = [];
  for (const stream of spec.streams) {
    const partitions = stream.partitions ?? topicDefaults.partitions;
    const retention = {
      ageMs: stream.retention?.ageMs ?? topicDefaults.retention.ageMs,
      bytesPerPartition: stream.retention?.bytes ?? topicDefaults.retention.bytesPerPartition,
    };
    const info = await streams.ensureTopic(stream.topic, { partitions, retention: withoutUndefined(retention) });
    if (stream.partitions !== undefined && info.partitions !== stream.partitions) {
      warnings.push(
        `stream "${stream.name}": topic ${stream.topic} has ${info.partitions} partitions, not ${stream.partitions}; partitions are fixed when a topic is created`,
      );
    }
  }
  for (const { name } of spec.functions) {
    const unit = unitOf(spec.context, name);
    for (const topic of [inboxTopicOf(unit), deadLetterTopicOf(unit)])
      await streams.ensureTopic(topic, {
        partitions: Math.min(topicDefaults.partitions, ownPartitionsMax),
        retention: withoutUndefined(topicDefaults.retention),
      });
  }
  return warnings;
}

function withoutUndefined(retention: {
  ageMs?: number | undefined;
  bytesPerPartition?: number | undefined;
}): NonNullable<TopicOptions['retention']> {
  return {
    ...(retention.ageMs === undefined ? {} : { ageMs: retention.ageMs }),
    ...(retention.bytesPerPartition === undefined ? {} : { bytesPerPartition: retention.bytesPerPartition }),
  };
}

function changesOf(before: ReadonlyMap<string, string>, revisions: readonly RevisionRecord[]): readonly DeployedFunction[] {
  const kept = new Set(revisions.map(record => record.unit));
  const removed = [...before]
    .filter(([unit]) => !kept.has(unit))
    .map(([unit, revision]) => ({ unit, revision, change: 'removed' as const }));
  const present = revisions.map(({ unit, id }) => {
    const old = before.get(unit);
    return {
      unit,
      revision: id,
      change: old === undefined ? ('created' as const) : old === id ? ('unchanged' as const) : ('updated' as const),
    };
  });
  return [...present, ...removed];
}

async function rollBack(
  options: DeploymentsOptions,
  unit: string,
  revision: string | undefined,
  from: string | undefined,
): Promise<DeployResult> {
  const { registry } = options;
  const refuse = (message: string, hint: string, code: ErrorCode = 'FAAS_REVISION_UNKNOWN'): DeployResult => ({
    kind: 'refused',
    problems: [{ unit, code, message, hint }],
  });
  const functions = await registry.functions();
  const current = functions.find(record => record.unit === unit);
  if (current === undefined) return refuse(`there is no function ${unit}`, 'List the functions with `faas list`.');
  if (from !== undefined && current.live.id !== from)
    return refuse(`${unit} runs ${current.live.id} by now, not ${from}`, 'Look at `faas revisions`.', 'FAAS_DEPLOY_REFUSED');
  const wanted = revision ?? current.previousLive;
  if (wanted === undefined) return refuse(`${unit} has had no other revision`, 'There is nothing to roll back to.');
  const target = (await registry.revisions(unit)).find(record => record.id === wanted);
  if (target === undefined) return refuse(`${unit} has no revision ${wanted}`, 'List the revisions with `faas describe`.');
  const contexts = new Map((await registry.contexts()).map(record => [record.spec.context, record.spec]));
  const context = contexts.get(current.context);
  if (context === undefined) return refuse(`the context ${current.context} is gone`, 'Deploy it again.');
  const spec = { ...context, functions: context.functions.map(one => (one.name === current.name ? target.spec : one)) };
  contexts.set(spec.context, spec);
  const revisions = functions
    .filter(record => record.context === current.context)
    .map(record => (record.unit === unit ? target : record.live));
  return activate(options, spec, revisions, contexts, {});
}

async function remove(
  options: DeploymentsOptions,
  context: string,
  functionName: string | undefined,
  { state: withState, withdraw }: Parameters<Deployments['remove']>[2],
): Promise<RemoveResult> {
  const { registry, streams, state } = options;
  const units = (await registry.functions(context))
    .map(record => record.unit)
    .filter(unit => functionName === undefined || unit === unitOf(context, functionName));
  if (units.length === 0 && (functionName !== undefined || (await registry.context(context)) === undefined)) return { kind: 'unknown' };
  await withdraw?.(units);
  await registry.remove(context, functionName);
  await options.refresh();
  for (const unit of withState ? units : []) {
    await deleteGroup(options, groupOf(unit));
    await state.deleteUnit(unit);
    for (const topic of [inboxTopicOf(unit), deadLetterTopicOf(unit)]) await streams.deleteTopic(topic);
  }
  options.log.info('removed', { context, units, state: withState });
  return { kind: 'removed', units };
}

const leaveMs = 30_000;
const leavePollMs = 50;

/** The dispatcher finishes what is in flight before it leaves; what is removed under it would come back with its last commit. */
async function deleteGroup({ streams, clock }: DeploymentsOptions, group: string): Promise<void> {
  const untilMs = clock.now() + leaveMs;
  for (;;) {
    try {
      return await streams.deleteGroup(group);
    } catch (error) {
      if (!(error instanceof FaasError) || error.code !== 'FAAS_GROUP_HAS_MEMBERS' || clock.now() >= untilMs) throw error;
      await clock.sleep(leavePollMs);
    }
  }
}
