import type { LiveFunction } from '../functions/live-function.ts';
import type { PodInfo } from '../ports/pods.ts';
import type { FleetPod } from './plan-fleet.ts';

/** A pod as the fleet has it. */
export interface Member {
  readonly info: PodInfo;
  readonly memoryBytes: number;
  /** `trial`: has loaded a revision that is not live yet; nobody sees it. `lost`: its connection broke, and its exit is waited for. */
  phase: FleetPod['phase'] | 'trial' | 'lost';
  live: LiveFunction | undefined;
  handler: 'event' | 'batch';
  /** A generic one is greeted again then. */
  greetAtMs: number;
  /** From the wish for a process to its answer. */
  readonly bootMs: number;
}

/** What is wanted of a function's pods. */
export interface Wish {
  live: LiveFunction;
  replicas: number;
  loadFailures: number;
  /** When pods of it ended by themselves, lately. */
  crashedAtMs: readonly number[];
  notBeforeMs: number;
  /** Since when there are more pods than wanted. */
  surplusSinceMs: number | undefined;
}

export function memberOf(info: PodInfo, memoryBytes: number, phase: Member['phase'], bootMs = 0): Member {
  return { info, memoryBytes, phase, live: undefined, handler: 'event', greetAtMs: 0, bootMs };
}

export function isOf(member: Member, live: LiveFunction): boolean {
  return member.live?.unit === live.unit && member.live.revision === live.revision;
}

/** As the plan sees it: one that tries a revision is loading, one that is lost is on its way out. */
export function asFleetPod(member: Member, inFlightByPod: ReadonlyMap<string, number>): FleetPod {
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
