import type { LiveFunction } from '../functions/live-function.ts';
import type { NewHistoryEntry } from '../ports/history.ts';
import type { PodExit, PodInfo } from '../ports/pods.ts';
import type { PodView } from '../wire/pod-directory.ts';
import type { FleetPod } from './plan-fleet.ts';

/** A pod as the fleet has it. */
export interface Member {
  readonly info: PodInfo;
  readonly memoryBytes: number;
  /** `trial`: has loaded a revision that is not live yet; nobody sees it. `lost`: its connection broke, and its exit is waited for. */
  phase: FleetPod['phase'] | 'trial' | 'lost';
  live: LiveFunction | undefined;
  handler: 'event' | 'batch';
  /** It loads its function, and what kind of handler that has is known from earlier loads. */
  isComing: boolean;
  /** A generic one is greeted again then. */
  greetAtMs: number;
  /** From the wish for a process to its answer. */
  readonly bootMs: number;
  /** When it had loaded its function, by the steady clock; undefined: it has not, or an earlier server saw it. */
  loadedAtMs: number | undefined;
}

export function memberOf(info: PodInfo, memoryBytes: number, phase: Member['phase'], bootMs = 0): Member {
  return { info, memoryBytes, phase, live: undefined, handler: 'event', isComing: false, greetAtMs: 0, bootMs, loadedAtMs: undefined };
}

export function isOf(member: Member, live: LiveFunction): boolean {
  return member.live?.unit === live.unit && member.live.revision === live.revision;
}

/** As the plan sees it: one that tries a revision is loading, one that is lost is on its way out. */
function asFleetPod(member: Member, inFlightByPod: ReadonlyMap<string, number>): FleetPod {
  return {
    id: member.info.id,
    phase: member.phase === 'trial' ? 'loading' : member.phase === 'lost' ? 'draining' : member.phase,
    unit: member.live?.unit,
    revision: member.live?.revision,
    eventsInFlight: inFlightByPod.get(member.info.id) ?? 0,
    startedAtMs: member.info.startedAtMs,
    memoryBytes: member.memoryBytes,
  };
}

/** All pods, and of those that are being started the sizes. */
export function fleetPods(
  members: readonly Member[],
  starting: readonly number[],
  inFlightByPod: ReadonlyMap<string, number>,
  nowMs: number,
): readonly FleetPod[] {
  const unknown = { unit: undefined, revision: undefined, eventsInFlight: 0, startedAtMs: nowMs } as const;
  const started = starting.map((memoryBytes, i): FleetPod => ({ id: `starting-${i}`, phase: 'starting', ...unknown, memoryBytes }));
  return [...members.map(member => asFleetPod(member, inFlightByPod)), ...started];
}

/** For telemetry and the API. */
export interface ListedPod extends FleetPod {
  readonly address: string;
  readonly pid: number | undefined;
}

export function listedPod(member: Member, inFlightByPod: ReadonlyMap<string, number>): ListedPod {
  return { ...asFleetPod(member, inFlightByPod), address: member.info.address, pid: member.info.pid };
}

/** As those see it who send batches to this function; undefined: they do not. */
export function viewOf({ info, phase, live, handler }: Member, unit: string): PodView | undefined {
  if (live?.unit !== unit || (phase !== 'ready' && phase !== 'draining')) return undefined;
  return { pod: info, unit, revision: live.revision, state: phase, handler, concurrency: live.spec.limits.concurrency };
}

/** As it will be when it has loaded its function; undefined: nobody can tell, or it has. */
export function comingViewOf(member: Member, unit: string): PodView | undefined {
  return member.phase === 'loading' && member.isComing ? viewOf({ ...member, phase: 'ready' }, unit) : undefined;
}

/** Pods of each function; those that are wished for and not there yet are starting. */
export function countsOf(members: Iterable<Member>, replicas: ReadonlyMap<string, number>) {
  const counts = new Map([...replicas].map(([unit, starting]) => [unit, { ready: 0, starting, draining: 0 }]));
  for (const { live, phase } of members) {
    const count = counts.get(live?.unit ?? '');
    if (count !== undefined && (phase === 'ready' || phase === 'draining')) count[phase] += 1;
  }
  for (const count of counts.values()) count.starting = Math.max(0, count.starting - count.ready);
  return counts;
}

/** For the history: a pod has become a function. */
export function startEntry(
  { info, bootMs }: Member,
  live: LiveFunction,
  phases: { readonly loadMs: number; readonly initMs: number },
  atMs: number,
): NewHistoryEntry {
  return { kind: 'decision', atMs, unit: live.unit, data: { what: 'pod-start', pod: info.id, revision: live.revision, bootMs, ...phases } };
}

/** For the history: a pod has ended by itself. */
export function exitEntry({ id, reason, code, signal, detail }: PodExit, unit: string | undefined, atMs: number): NewHistoryEntry {
  const data = { what: 'pod-exit', pod: id, reason, code, signal, ...(detail !== undefined && { detail }) };
  return { kind: 'decision', atMs, unit: unit ?? '', data };
}
