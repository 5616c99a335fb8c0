import { headerNames } from '../../runtime/protocol/headers.ts';
import type { BatchEvent } from '../../runtime/protocol/messages.ts';
import { type HeaderBlock, PackedBody, type PackedRecord, packHeaders, RecordPacker } from '../../runtime/protocol/record.ts';
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
export function sharedHeaders(unit: string): HeaderBlock {
  return packHeaders([
    [headerNames.source, `/call/${unit.replace('.', '/')}`],
    [headerNames.type, `${unit}.call`],
  ]);
}

const packer = new RecordPacker();

/** A call on its way to a pod. */
export class CallEvent extends PackedBody implements BatchEvent {
  readonly index: number;
  readonly trigger = 'call';
  readonly stream = '';
  readonly topic = '';
  readonly partition = 0;
  readonly offset = -1;
  readonly remainingMs: number;
  readonly #call: PendingCall;

  constructor(call: PendingCall, index: number, shared: HeaderBlock, nowMs: number) {
    super(pack(call, shared));
    this.index = index;
    this.remainingMs = Math.max(1, call.deadlineMs - nowMs);
    this.#call = call;
  }

  get attempt(): number {
    return this.#call.staleRuns + 1;
  }

  get appendedAtMs(): number {
    return this.#call.startedAtMs;
  }

  get idempotencyKey(): string {
    return this.#call.id;
  }
}

function pack({ id, traceparent, request: { key, data, contentType, depth } }: PendingCall, shared: HeaderBlock): PackedRecord {
  packer.beginText(key, data);
  packer.headerBlock(shared);
  packer.header(headerNames.id, id);
  packer.header(headerNames.contentType, contentType);
  packer.header(headerNames.traceparent, traceparent);
  if (depth > 0) packer.header(headerNames.hop, String(depth));
  return packer.end();
}
