import type { UnitReport } from '../dispatch/dispatcher.ts';
import type { PodExit } from '../ports/pods.ts';
import type { PodView } from '../wire/pod-directory.ts';

/** What the processes of a cluster tell each other (docs/several-servers.md). Plain objects within a process, JSON of codec.ts between two. */

/** Once a second, and at once when pods of the sender changed. A snapshot: nothing in it changes afterwards, and nothing in it changes only because time passes. */
export interface ProcessReport {
  /** Unique per process and start. */
  readonly process: string;
  /** Undefined: it runs no pods. */
  readonly hosting: Hosting | undefined;
  readonly units: readonly UnitReport[];
  readonly calls: readonly UnitCallFigures[];
}

/** What has changed since a report before. */
export interface ReportDifference {
  /** Undefined: as it was. */
  readonly hosting: Hosting | undefined;
  /** Each as it is now, whole. */
  readonly units: readonly UnitReport[];
  readonly unitsGone: readonly string[];
  readonly calls: readonly UnitCallFigures[];
  readonly callsGone: readonly string[];
}

/**
 * How a report travels to another process. Numbers grow with each message of a process. A difference holds for whoever holds the report with the number `base`, and
 * an empty one says that all is as it was. `sequence` is undefined where the sender sends no differences.
 */
export type ReportMessage =
  | { readonly kind: 'whole'; readonly sequence: number | undefined; readonly report: ProcessReport }
  | {
      readonly kind: 'difference';
      readonly process: string;
      readonly base: number;
      readonly sequence: number;
      readonly difference: ReportDifference;
    };

export interface Hosting {
  readonly podsMax: number;
  /** Grows with each change of the pods. */
  readonly revision: number;
  readonly pods: readonly PodView[];
  /** How many it aims at, by unit. */
  readonly replicas: ReadonlyMap<string, number>;
  /** Of pods whose end the leader may not know yet. */
  readonly exits: readonly UnitExit[];
}

export interface UnitCallFigures {
  readonly unit: string;
  readonly open: number;
  readonly takenTotal: number;
}

export interface UnitExit extends PodExit {
  readonly unit: string | undefined;
}

/** Which leader speaks: of two, the one with the higher fencing number leads. A leader that leads again counts its revisions anew, in another term. */
export interface Term {
  readonly term: string;
  readonly fencing: number;
}

export interface ReportAnswer extends Term {
  /** Events that all dispatchers have in flight on pods of the sender. */
  readonly inFlightByPod: ReadonlyMap<string, number>;
}

export interface MessageAnswer extends ReportAnswer {
  /** Number of the message that the leader goes on from: a difference to it will do. Undefined: it needs the whole, now if this was a difference. */
  readonly holds: number | undefined;
}

/** Answered when there is something newer than what the sender knows, which it acknowledges by asking; or after a while. */
export interface PodsQuestion {
  readonly process: string;
  /** Of the answer before; another term counts as nothing known. */
  readonly term: string | undefined;
  readonly revision: number;
}

export interface PodsAnswer extends Term {
  readonly revision: number;
  /** False just after a change of leader: processes that are not in it yet may still report their pods. */
  readonly isComplete: boolean;
  /** Pods of others, by process. */
  readonly hosts: ReadonlyMap<string, readonly PodView[]>;
  readonly exits: readonly UnitExit[];
  /** How many pods of each function the asking process is to have; undefined: it runs none. */
  readonly shares: ReadonlyMap<string, number> | undefined;
  /** All others have acknowledged the pods of the asking process as they were at this revision of its own. */
  readonly released: number;
}

export interface PodsWish {
  readonly unit: string;
  readonly pods: number;
  readonly reason: 'first-event' | 'waiting-events' | 'direct-call';
}

/** The way to the leader: the hub itself in the process that leads, `/internal/v1` elsewhere. Rejects when the other one does not answer or does not lead. */
export interface LeaderLink {
  report(report: ProcessReport): Promise<ReportAnswer>;
  pods(question: PodsQuestion, signal: AbortSignal): Promise<PodsAnswer>;
  want(wish: PodsWish): Promise<void>;
}

/** The other end of the way from another process: the hub of the one that leads. */
export interface LeaderDesk extends Omit<LeaderLink, 'report'> {
  take(message: ReportMessage): Promise<MessageAnswer>;
}
