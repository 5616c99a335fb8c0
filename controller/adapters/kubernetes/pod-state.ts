import type { PodExit } from '../../ports/pods.ts';
import { isRecord, type KubernetesObject } from './kubernetes-object.ts';
import { containerName } from './pod-manifest.ts';

/** What the cluster says of a pod, as far as it matters here. */
export interface PodState {
  readonly ip: string | undefined;
  readonly isRunning: boolean;
  /** Somebody has told the cluster to delete it. */
  readonly isLeaving: boolean;
  /** Why it does not run yet. */
  readonly trouble: { readonly reason: string; readonly message: string } | undefined;
  readonly exit: Pick<PodExit, 'reason' | 'code' | 'signal' | 'detail'> | undefined;
}

export function podState(object: KubernetesObject): PodState {
  const status = isRecord(object.status) ? object.status : {};
  const container = containerStatus(status);
  const ip = typeof status.podIP === 'string' ? status.podIP : undefined;
  const state = isRecord(container?.state) ? container.state : {};
  return {
    ip,
    isRunning: status.phase === 'Running' && isRecord(state.running),
    isLeaving: object.metadata.deletionTimestamp !== undefined,
    trouble: troubleOf(status, state),
    exit: exitOf(status, state),
  };
}

function containerStatus(status: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const all = Array.isArray(status.containerStatuses) ? status.containerStatuses.filter(isRecord) : [];
  return all.find(({ name }) => name === containerName);
}

/** Ordinary stages of a start are no trouble. */
const stages: ReadonlySet<unknown> = new Set(['ContainerCreating', 'PodInitializing']);

function troubleOf(status: Readonly<Record<string, unknown>>, state: Readonly<Record<string, unknown>>): PodState['trouble'] {
  if (isRecord(state.waiting) && !stages.has(state.waiting.reason)) return wordsOf(state.waiting);
  const conditions = Array.isArray(status.conditions) ? status.conditions.filter(isRecord) : [];
  const unscheduled = conditions.find(({ type, status: holds }) => type === 'PodScheduled' && holds === 'False');
  return unscheduled === undefined ? undefined : wordsOf(unscheduled);
}

function wordsOf({ reason, message }: Readonly<Record<string, unknown>>): { reason: string; message: string } {
  return { reason: String(reason ?? 'Unknown'), message: String(message ?? 'no reason given') };
}

function exitOf(status: Readonly<Record<string, unknown>>, state: Readonly<Record<string, unknown>>): PodState['exit'] {
  const ended = isRecord(state.terminated) ? state.terminated : undefined;
  if (ended === undefined && status.phase !== 'Failed' && status.phase !== 'Succeeded') return undefined;
  const exitCode = typeof ended?.exitCode === 'number' ? ended.exitCode : undefined;
  const said = [status.reason, status.message, ended?.reason, ended?.message].filter(text => typeof text === 'string' && text !== '');
  const detail = said.length === 0 ? {} : { detail: said.join(': ') };
  if (ended?.reason === 'OOMKilled') return { reason: 'memory', code: null, signal: 'SIGKILL', ...detail };
  if (exitCode === 0) return { reason: 'stopped', code: 0, signal: null, ...detail };
  // A shell's way to say by which signal a process ended.
  const signal = exitCode === 137 ? 'SIGKILL' : exitCode === 143 ? 'SIGTERM' : null;
  if (exitCode === undefined || signal !== null) return { reason: 'killed', code: null, signal, ...detail };
  return { reason: exitCode === 134 ? 'memory' : 'crashed', code: exitCode, signal: null, ...detail };
}
