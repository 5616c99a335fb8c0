import { isDeepStrictEqual } from 'node:util';
import type { EventResult, PodLog } from '../../runtime/protocol/messages.ts';
import type { TopicPartition } from '../ports/streams.ts';
import type { DispatcherOptions, PartitionReport, UnitReport } from './dispatcher.ts';
import type { PartitionLoop } from './partition-loop.ts';
import type { Doom, PendingEvent } from './pending-event.ts';
import { isReady, type PodLoad, podsWanted } from './placement.ts';
import { eventIdOf } from './read-records.ts';
import type { CommitInFlight, Draft, Session } from './session-state.ts';

/** What one function has done, for reports, metrics and history. */
export class UnitFigures {
  /** What an event takes in the handler, milliseconds, recent ones counting most. */
  eventMs = 5;
  /** Events that a handler took and finished well. */
  handled = 0;
  readonly #options: DispatcherOptions;
  readonly #unit: string;
  #finished = 0;
  #failed = 0;
  #deadLetters = 0;
  #emits = 0;
  #busyMs = 0;
  #last: UnitReport | undefined;

  constructor(options: DispatcherOptions, unit: string) {
    this.#options = options;
    this.#unit = unit;
  }

  /** Results came in. */
  finished(results: readonly EventResult[], draft: Draft): void {
    const { metrics } = this.#options;
    const labels = { unit: this.#unit };
    let busyMs = 0;
    const handlerSeconds = new Float64Array(results.length);
    const waitSeconds = new Float64Array(results.length);
    let count = 0;
    for (const { index, outcome } of results) {
      if (outcome.kind !== 'ok' || outcome.filtered) continue;
      busyMs += outcome.busyMs;
      handlerSeconds[count] = outcome.busyMs / 1_000;
      const appendedAtMs = draft.events[index]?.record.appendedAtMs ?? outcome.enteredAtMs;
      waitSeconds[count] = Math.max(0, outcome.enteredAtMs - appendedAtMs) / 1_000;
      count += 1;
    }
    if (count === 0) return;
    metrics.observeAll('faas_handler_seconds', labels, handlerSeconds.subarray(0, count));
    metrics.observeAll('faas_append_to_handler_seconds', labels, waitSeconds.subarray(0, count));
    this.#busyMs += busyMs;
    this.handled += count;
    const weight = Math.min(1, count / 50);
    this.eventMs += (busyMs / count - this.eventMs) * weight;
  }

  applied(commit: CommitInFlight, session: Session | undefined): void {
    const { metrics } = this.#options;
    const unit = this.#unit;
    const counts = { ok: 0, filtered: 0, 'dead-letter': 0, held: 0, stuck: 0 };
    let emits = 0;
    for (const result of commit.group) {
      counts[result.kind] += 1;
      if (result.kind !== 'dead-letter') emits += result.emits.length;
      else metrics.count('faas_dead_letters_total', { unit, reason: result.doom?.reason ?? '' });
    }
    this.#finished += commit.group.length;
    this.#deadLetters += counts['dead-letter'];
    this.#emits += emits;
    const skipped = session?.skipped;
    const outcomes = [
      ['ok', counts.ok],
      ['filtered', counts.filtered + (skipped?.filtered ?? 0)],
      ['duplicate', commit.known.length + (skipped?.duplicate ?? 0)],
      ['dead_letter', counts['dead-letter']],
      ['held', counts.held],
    ] as const;
    for (const [outcome, count] of outcomes) if (count > 0) metrics.count('faas_events_total', { unit, outcome }, count);
    if (emits > 0) metrics.count('faas_emits_total', { unit }, emits);
    if (skipped !== undefined) Object.assign(skipped, { filtered: 0, duplicate: 0 });
  }

  failed(event: PendingEvent, doom: Doom, final: boolean, at: TopicPartition): void {
    this.#failed += 1;
    this.#options.metrics.count('faas_attempts_failed_total', { unit: this.#unit, reason: doom.reason });
    this.#write(final ? 'error' : 'warn', final ? 'dead letter' : 'attempt failed', event, at, {
      reason: doom.reason,
      failures: event.failures + event.exclusiveCrashes,
      error: doom.error,
    });
  }

  suspected(events: readonly PendingEvent[], at: TopicPartition): void {
    for (const event of events) {
      this.#write('warn', 'suspected of ending its pod, runs alone', event, at, { exclusiveCrashes: event.exclusiveCrashes });
    }
  }

  log(line: PodLog, event: PendingEvent | undefined, at: TopicPartition): void {
    this.#options.history.write({
      kind: 'log',
      atMs: line.atMs,
      unit: this.#unit,
      data: {
        level: line.level,
        message: line.message,
        fields: line.fields,
        eventId: event === undefined ? undefined : eventIdOf(at, event),
        traceparent: line.traceparent,
      },
    });
  }

  /** The report of before, the same object, when it says the same. */
  report(loops: readonly PartitionLoop[], loads: readonly PodLoad[], concurrency: number, failing: UnitReport['failing']): UnitReport {
    const partitions = partitionReports(loops, this.#last?.partitions ?? []);
    let waiting = 0;
    let inFlight = 0;
    let parallel = 0;
    for (const { session } of loops) {
      if (session === undefined) continue;
      waiting += session.openEvents;
      inFlight += session.running;
      parallel += session.lanes.parallel + session.lanes.special.size;
    }
    const isIdle = waiting === 0 && loads.length === 0 && failing === undefined;
    if (isIdle && this.#last !== undefined && this.#saysNothingElse(this.#last, partitions)) return this.#last;
    const ready = loads.filter(isReady);
    const report = {
      unit: this.#unit,
      waiting,
      inFlight,
      finishedTotal: this.#finished,
      failedTotal: this.#failed,
      deadLettersTotal: this.#deadLetters,
      emitsTotal: this.#emits,
      busyMsTotal: this.#busyMs,
      isFull: parallel > 0 && ready.length > 0 && ready.every(isFull),
      usablePods: podsWanted(loads, parallel, concurrency),
      inFlightByPod: loads.length === 0 ? noPods : new Map(loads.map(load => [load.view.pod.id, load.events])),
      partitions,
      failing,
    };
    if (this.#last !== undefined && isSame(this.#last, report)) return this.#last;
    this.#last = report;
    return report;
  }

  /** Of hundreds that do nothing, each second: that the last report still holds is seen without making another one. */
  #saysNothingElse(last: UnitReport, partitions: readonly PartitionReport[]): boolean {
    return (
      last.partitions === partitions &&
      last.waiting === 0 &&
      last.inFlight === 0 &&
      last.inFlightByPod === noPods &&
      last.failing === undefined &&
      !last.isFull &&
      last.usablePods === 0 &&
      last.finishedTotal === this.#finished &&
      last.failedTotal === this.#failed &&
      last.deadLettersTotal === this.#deadLetters &&
      last.emitsTotal === this.#emits &&
      last.busyMsTotal === this.#busyMs
    );
  }

  #write(
    level: PodLog['level'],
    message: string,
    event: PendingEvent,
    at: TopicPartition,
    fields: Readonly<Record<string, unknown>>,
  ): void {
    this.#options.history.write({
      kind: 'log',
      atMs: this.#options.clock.now(),
      unit: this.#unit,
      data: {
        level,
        message,
        fields: { ...fields, topic: at.topic, partition: at.partition, offset: event.offset },
        eventId: eventIdOf(at, event),
        traceparent: event.attributes.traceparent,
      },
    });
  }
}

const noPods: ReadonlyMap<string, number> = new Map();

/** All that are numbers or flags: a report has no figure that is in none of the two. */
const plainFigures = Object.keys({
  unit: true,
  waiting: true,
  inFlight: true,
  finishedTotal: true,
  failedTotal: true,
  deadLettersTotal: true,
  emitsTotal: true,
  busyMsTotal: true,
  isFull: true,
  usablePods: true,
} satisfies Record<Exclude<keyof UnitReport, 'inFlightByPod' | 'partitions' | 'failing'>, true>) as readonly (keyof UnitReport)[];

/** For hundreds each second; lists that are the same are the same object. */
function isSame(before: UnitReport, now: UnitReport): boolean {
  return (
    before.partitions === now.partitions &&
    plainFigures.every(name => before[name] === now[name]) &&
    (before.inFlightByPod === now.inFlightByPod || isDeepStrictEqual(before.inFlightByPod, now.inFlightByPod)) &&
    isDeepStrictEqual(before.failing, now.failing)
  );
}

function isFull({ view, events, batches }: PodLoad): boolean {
  return (view.handler === 'batch' ? batches : events) >= view.concurrency;
}

/** There may be thousands, of which most do nothing: what has not changed is the report of before. */
function partitionReports(loops: readonly PartitionLoop[], before: readonly PartitionReport[]): readonly PartitionReport[] {
  let same = 0;
  for (const { at, endOffset, session } of loops) {
    if (session === undefined) continue;
    if (!isSamePartition(at, endOffset, session, before[same])) return newReports(loops, before);
    same += 1;
  }
  return same === before.length ? before : newReports(loops, before);
}

function newReports(loops: readonly PartitionLoop[], before: readonly PartitionReport[]): readonly PartitionReport[] {
  const reports: PartitionReport[] = [];
  for (const loop of loops) if (loop.session !== undefined) reports.push(partitionReport(loop, loop.session, before[reports.length]));
  return reports;
}

function isSamePartition(
  at: TopicPartition,
  endOffset: number | undefined,
  session: Session,
  before: PartitionReport | undefined,
): before is PartitionReport {
  return (
    before?.topic === at.topic &&
    before.partition === at.partition &&
    before.frontier === session.frontier &&
    before.endOffset === endOffset &&
    before.inFlight === session.running &&
    before.nextOffset === session.position &&
    before.openEvents === session.openEvents &&
    before.oldestAppendedAtMs === oldestOf(session)
  );
}

function oldestOf({ arrivals }: Session): number | undefined {
  return arrivals.peek()?.record.appendedAtMs;
}

/** Written out: what is spread has a shape of its own each time. */
function partitionReport({ at, endOffset }: PartitionLoop, session: Session, before: PartitionReport | undefined): PartitionReport {
  if (isSamePartition(at, endOffset, session, before)) return before;
  return {
    topic: at.topic,
    partition: at.partition,
    frontier: session.frontier,
    endOffset,
    inFlight: session.running,
    nextOffset: session.position,
    openEvents: session.openEvents,
    oldestAppendedAtMs: oldestOf(session),
  };
}
