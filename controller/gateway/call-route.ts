import type { IncomingHttpHeaders } from 'node:http';
import { FaasError } from '../errors.ts';
import { parseDuration } from '../manifest/units.ts';
import { problemOfAnswer } from './call-problem.ts';
import type { DirectCall, DirectCalls } from './direct-calls.ts';

/** Of a caller that names none; the function's own `limits.timeout` counts as well. */
export const callTimeoutMs = 30_000;
const timeoutMsMax = 3_600_000;
const idempotencyKeyCharsMax = 200;
const textBytesMax = 16_384;
const noBody = Buffer.from('null');

/** What a call says, however it came in. */
export interface CallRequest {
  readonly unit: string;
  /** `?key=` */
  readonly queryKey: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array | undefined;
}

export interface CallReply {
  /** JSON; undefined: 204. A text has one character per byte. */
  readonly body: string | Uint8Array | undefined;
  readonly headers: Readonly<Record<string, string | number>>;
}

/**
 * `POST /call/<context>/<function>`: the body is the event's data, the answer is what the handler returned (204 when it returned nothing). The key is
 * `X-Faas-Key` or `?key=`; `Idempotency-Key` makes a repeated call answer what the first one did; the deadline is `X-Faas-Timeout: 1500ms`, or
 * `Prefer: wait=<seconds>` (RFC 7240). Throws what becomes a problem.
 */
export async function answerCall(calls: DirectCalls, request: CallRequest): Promise<CallReply> {
  const answer = await calls.call(readCall(request));
  if (answer.kind !== 'ok') throw problemOfAnswer(answer);
  const replayed = answer.repeated ? { 'idempotent-replayed': 'true' } : {};
  if (answer.answer === undefined) return { body: undefined, headers: replayed };
  return {
    body: bodyOf(answer.answer),
    headers: { 'content-type': 'application/json; charset=utf-8', 'content-length': answer.answer.length, ...replayed },
  };
}

/** Node writes a text in one piece with the headers, and bytes in a second one: for a small answer that is the larger part of its cost. */
function bodyOf(answer: Uint8Array): string | Uint8Array {
  return answer.length > textBytesMax ? answer : Buffer.from(answer.buffer, answer.byteOffset, answer.length).toString('latin1');
}

function readCall({ unit, queryKey, headers, body }: CallRequest): DirectCall {
  const idempotencyKey = one(headers['idempotency-key']);
  if (idempotencyKey !== undefined && (idempotencyKey === '' || idempotencyKey.length > idempotencyKeyCharsMax)) {
    throw new FaasError('FAAS_API_REQUEST', `an Idempotency-Key has 1 to ${idempotencyKeyCharsMax} characters`);
  }
  const hasBody = body !== undefined && body.length > 0;
  return {
    unit,
    key: one(headers['x-faas-key']) ?? queryKey ?? null,
    data: hasBody ? body : noBody,
    contentType: hasBody ? (headers['content-type'] ?? 'application/json') : 'application/json',
    idempotencyKey,
    timeoutMs: timeoutOf(one(headers['x-faas-timeout']), one(headers.prefer)),
    depth: 0,
    traceparent: one(headers.traceparent),
  };
}

function timeoutOf(header: string | undefined, prefer: string | undefined): number {
  if (header === undefined && prefer === undefined) return callTimeoutMs;
  const seconds = /(?:^|[,;\s])wait=(\d{1,5})(?:$|[,;\s])/.exec(prefer ?? '')?.[1];
  const timeoutMs = header === undefined ? (seconds === undefined ? callTimeoutMs : Number(seconds) * 1000) : parseDuration(header);
  if (timeoutMs === undefined || timeoutMs < 1 || timeoutMs > timeoutMsMax) {
    throw new FaasError('FAAS_API_REQUEST', 'X-Faas-Timeout is a duration from 1ms to 1h', 'For example `X-Faas-Timeout: 1500ms`.');
  }
  return timeoutMs;
}

function one(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
