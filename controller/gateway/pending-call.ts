import { headerNames } from '../../runtime/protocol/headers.ts';
import type { BatchEvent, WireHeader } from '../../runtime/protocol/messages.ts';
import type { DirectAnswer, DirectCall } from './direct-calls.ts';

/** A call on its way: waiting, on a pod, or in a commit. */
export interface PendingCall {
  readonly request: DirectCall;
  /** Unique among the calls of the unit; what its commit is de-duplicated by. */
  readonly id: string;
  readonly traceparent: string;
  readonly startedAtMs: number;
  readonly deadlineMs: number;
  /** Times that it ran and its commit was stale. */
  staleRuns: number;
  /** Times that a pod gave it back. */
  returns: number;
  /** Was running with others when a worker ended: goes alone from now on. */
  suspect: boolean;
  /** Whether the caller has been answered, for better or worse. */
  settled: boolean;
  settle(answer: DirectAnswer): void;
}

const utf8 = new TextEncoder();
const specVersion: WireHeader = [headerNames.specVersion, utf8.encode('1.0')];
const trigger: WireHeader = [headerNames.trigger, utf8.encode('call')];

/** The headers that all calls of a unit share. */
export function sharedHeaders(unit: string): readonly WireHeader[] {
  return [
    specVersion,
    trigger,
    [headerNames.source, utf8.encode(`/call/${unit.replace('.', '/')}`)],
    [headerNames.type, utf8.encode(`${unit}.call`)],
  ];
}

export function eventOfCall(call: PendingCall, index: number, shared: readonly WireHeader[], nowMs: number): BatchEvent {
  const { request } = call;
  const headers: WireHeader[] = [
    ...shared,
    [headerNames.id, utf8.encode(call.id)],
    [headerNames.contentType, utf8.encode(request.contentType)],
    [headerNames.traceparent, utf8.encode(call.traceparent)],
    [headerNames.hop, utf8.encode(String(request.depth))],
  ];
  for (const [name, value] of Object.entries(request.headers)) {
    if (!name.startsWith('ce_') && name !== headerNames.contentType && name !== headerNames.traceparent)
      headers.push([name, utf8.encode(value)]);
  }
  return {
    index,
    attempt: call.staleRuns + 1,
    trigger: 'call',
    stream: '',
    topic: '',
    partition: 0,
    offset: -1,
    appendedAtMs: call.startedAtMs,
    key: request.key === null ? null : utf8.encode(request.key),
    value: request.data,
    headers,
    remainingMs: Math.max(1, call.deadlineMs - nowMs),
    idempotencyKey: call.id,
  };
}
