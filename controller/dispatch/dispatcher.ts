import type { WireError } from '../../runtime/protocol/messages.ts';
import type { Clock } from '../clock.ts';
import type { Conditions } from '../conditions/conditions.ts';
import type { FaultPoints } from '../fault-points.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { History } from '../ports/history.ts';
import type { StateStore } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import type { Random } from '../random.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { BatchTokens } from '../wire/batch-tokens.ts';
import type { PodClient } from '../wire/pod-client.ts';
import type { PodDirectory } from '../wire/pod-directory.ts';
import type { PodExits } from '../wire/pod-exits.ts';
import type { Failing } from './breaker.ts';

/** The data plane's door: owns the consumer groups of the live functions, and everything from a record to its commit. */
export interface Dispatcher {
  /** The functions that are live now; sessions of others end in good order. Returns at once. */
  update(functions: readonly LiveFunction[]): void;
  /** Figures of now; cheap enough for once a second. */
  report(): readonly UnitReport[];
  /** Waits until the inbox event with this id is committed here, or the time is over. */
  resultOf(unit: string, eventId: string, timeoutMs: number): Promise<SettledResult>;
  /** Finishes and commits what is in flight within `graceMs`, then leaves the groups. */
  stop(graceMs: number): Promise<void>;
}

export interface DispatcherOptions {
  readonly streams: Streams;
  readonly state: StateStore;
  readonly history: History;
  readonly conditions: Conditions;
  readonly pods: PodDirectory;
  readonly client: PodClient;
  readonly exits: PodExits;
  readonly tokens: BatchTokens;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: FaultPoints;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly limits: DispatchLimits;
}

export interface DispatchLimits {
  /** Raw records held per partition, waiting or in flight. */
  readonly bytesPerPartitionMax: number;
  readonly windowOffsetsMax: number;
  readonly commitEventsMax: number;
  readonly commitBytesMax: number;
  /** How long ids of inbox events are remembered. */
  readonly dedupeWindowMs: number;
}

export interface UnitReport {
  readonly unit: string;
  /** Events read and not done, in flight included. */
  readonly waiting: number;
  readonly inFlight: number;
  readonly finishedTotal: number;
  readonly failedTotal: number;
  readonly deadLettersTotal: number;
  readonly emitsTotal: number;
  readonly busyMsTotal: number;
  /** Every ready pod holds as much as it takes, and more could run beside it. */
  readonly isFull: boolean;
  /** How many pods the events that were read could keep busy. */
  readonly usablePods: number;
  /** Pod id → events in flight on it. */
  readonly inFlightByPod: ReadonlyMap<string, number>;
  readonly partitions: readonly PartitionReport[];
  /** Nearly everything fails and the function is paused; undefined: it is not. */
  readonly failing: FailingReport | undefined;
}

/** Of the live revision. */
export interface FailingReport extends Omit<Failing, 'under'> {
  readonly revision: string;
}

export interface PartitionReport {
  readonly topic: string;
  readonly partition: number;
  readonly frontier: number;
  /** undefined: not known at the moment. */
  readonly endOffset: number | undefined;
  readonly inFlight: number;
  /** What was read of the log: up to here, and so many events of that are not done. */
  readonly nextOffset: number;
  readonly openEvents: number;
  /** When the oldest unfinished event was appended; undefined: nothing waits. */
  readonly oldestAppendedAtMs: number | undefined;
}

export type SettledResult =
  | { readonly kind: 'ok'; readonly answer: Uint8Array | undefined }
  | { readonly kind: 'dead-letter'; readonly reason: string; readonly error: WireError }
  | { readonly kind: 'timeout' };
