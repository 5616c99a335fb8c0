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

/** What a pod tells the author about the origin of a call; the rest of a CloudEvent it knows by itself. */
export function sharedHeaders(unit: string): readonly WireHeader[] {
  return [
    [headerNames.source, bytesOf(`/call/${unit.replace('.', '/')}`)],
    [headerNames.type, bytesOf(`${unit}.call`)],
  ];
}

export function eventOfCall(call: PendingCall, index: number, shared: readonly WireHeader[], nowMs: number): BatchEvent {
  const { request } = call;
  const headers: WireHeader[] = [
    ...shared,
    [headerNames.id, bytesOf(call.id)],
    [headerNames.contentType, bytesOf(request.contentType)],
    [headerNames.traceparent, bytesOf(call.traceparent)],
  ];
  if (request.depth > 0) headers.push([headerNames.hop, bytesOf(String(request.depth))]);
  for (const [name, value] of Object.entries(request.headers)) {
    if (!name.startsWith('ce_') && name !== headerNames.contentType && name !== headerNames.traceparent)
      headers.push([name, bytesOf(value)]);
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
    key: request.key === null ? null : bytesOf(request.key),
    value: request.data,
    headers,
    remainingMs: Math.max(1, call.deadlineMs - nowMs),
    idempotencyKey: call.id,
  };
}

/** Out of Node's pool: an encoder would make a buffer of its own for each of these short texts. */
function bytesOf(text: string): Uint8Array {
  return Buffer.from(text);
}
