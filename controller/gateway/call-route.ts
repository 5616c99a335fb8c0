import type { FastifyReply, FastifyRequest } from 'fastify';
import { FaasError } from '../errors.ts';
import { unitOf } from '../functions/live-function.ts';
import { parseDuration } from '../manifest/units.ts';
import { problemOfAnswer } from './call-problem.ts';
import type { DirectCall, DirectCalls } from './direct-calls.ts';

/** Of a caller that names none; the function's own `limits.timeout` counts as well. */
export const callTimeoutMs = 30_000;
const timeoutMsMax = 3_600_000;
const idempotencyKeyCharsMax = 200;
const textBytesMax = 16_384;
const noBody = Buffer.from('null');

type CallRequest = FastifyRequest<{
  Params: { context: string; function: string };
  Querystring: { key?: string | string[] };
}>;

/**
 * `POST /call/<context>/<function>`: the body is the event's data, the answer is what the handler returned (204 when it returned nothing). The key is
 * `X-Faas-Key` or `?key=`; `Idempotency-Key` makes a repeated call answer what the first one did; the deadline is `X-Faas-Timeout: 1500ms`, or
 * `Prefer: wait=<seconds>` (RFC 7240).
 */
export async function answerCall(calls: DirectCalls, request: CallRequest, reply: FastifyReply): Promise<FastifyReply> {
  const answer = await calls.call(readCall(request));
  if (answer.kind !== 'ok') throw problemOfAnswer(answer);
  if (answer.repeated) reply.header('idempotent-replayed', 'true');
  return answer.answer === undefined ? reply.status(204).send() : reply.type('application/json').send(bodyOf(answer.answer));
}

/** Node writes a text in one piece with the headers, and bytes in a second one: for a small answer that is the larger part of its cost. */
function bodyOf(answer: Uint8Array): string | Uint8Array {
  return answer.length > textBytesMax ? answer : Buffer.from(answer.buffer, answer.byteOffset, answer.length).toString();
}

function readCall(request: CallRequest): DirectCall {
  const { headers, params, query, body } = request;
  const idempotencyKey = one(headers['idempotency-key']);
  if (idempotencyKey !== undefined && (idempotencyKey === '' || idempotencyKey.length > idempotencyKeyCharsMax)) {
    throw new FaasError('FAAS_API_REQUEST', `an Idempotency-Key has 1 to ${idempotencyKeyCharsMax} characters`);
  }
  const hasBody = body instanceof Uint8Array && body.length > 0;
  return {
    unit: unitOf(params.context, params.function),
    key: one(headers['x-faas-key']) ?? one(query.key) ?? null,
    data: hasBody ? body : noBody,
    contentType: hasBody ? (headers['content-type'] ?? 'application/json') : 'application/json',
    headers: {},
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
