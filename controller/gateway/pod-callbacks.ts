import { isIP } from 'node:net';
import { type ProblemError, problemOf } from '../api/problem.ts';
import { FaasError } from '../errors.ts';
import type { PodAnnouncement, Pods } from '../ports/pods.ts';
import type { StateStore } from '../ports/state.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { BatchGrant, BatchTokens } from '../wire/batch-tokens.ts';
import { problemForCaller } from './call-problem.ts';
import type { DirectCall, DirectCalls } from './direct-calls.ts';

/** What pods ask back while a batch runs, and say when they have started (docs/wire.md): JSON both ways, authorised by the batch's token, or the pod's, and by nothing else. */
export interface PodCallbacks {
  readState(token: string | undefined, body: unknown): Promise<PodCallbackAnswer>;
  call(token: string | undefined, body: unknown): Promise<PodCallbackAnswer>;
  announce(token: string | undefined, body: unknown): Promise<PodCallbackAnswer>;
}

/** `body` is JSON; undefined: there is nothing to say. */
export interface PodCallbackAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface PodCallbacksOptions {
  readonly state: Pick<StateStore, 'read'>;
  readonly calls: Pick<DirectCalls, 'call'>;
  readonly tokens: BatchTokens;
  readonly pods: Pick<Pods, 'announced'>;
  readonly metrics: Metrics;
}

const keysMax = 10_000;
const callTimeoutMsMax = 3_600_000;
const utf8 = new TextEncoder();
const text = new TextDecoder();

export function createPodCallbacks({ state, calls, tokens, pods, metrics }: PodCallbacksOptions): PodCallbacks {
  return {
    async readState(token, body) {
      const grant = grantOf(tokens, token);
      if (grant === undefined) return refused();
      const keys = readKeys(body);
      if (keys === undefined) return malformed(`keys: up to ${keysMax} strings`);
      const entries = await state.read(grant.unit, keys);
      return {
        status: 200,
        body: {
          entries: entries.map(({ key, version, value }) => ({ key, version, value: value === undefined ? null : text.decode(value) })),
        },
      };
    },
    async call(token, body) {
      const grant = grantOf(tokens, token);
      if (grant === undefined) return refused();
      const request = readCall(body);
      if (request === undefined) return malformed('target, key, data, timeoutMs, idempotencyKey, traceparent, wait');
      if (!grant.calls.has(request.target)) {
        return problem(
          new FaasError(
            'FAAS_CALL_UNDECLARED',
            `${grant.unit} does not declare calls to ${request.target}`,
            'Add it to `calls` in faas.yaml.',
          ),
        );
      }
      const answer = calls.call(directCall(request, grant));
      if (request.wait === 'forget') {
        metrics.count('faas_fire_and_forget_total', { unit: grant.unit });
        answer.catch(() => undefined);
        return { status: 202, body: {} };
      }
      const settled = await answer;
      if (settled.kind !== 'ok') return problem(problemForCaller(settled));
      return { status: 200, body: settled.answer === undefined ? {} : { answer: text.decode(settled.answer) } };
    },
    async announce(token, body) {
      const announcement = readAnnouncement(body);
      if (announcement === undefined) return malformed('bootId, ip');
      const answer = await pods.announced?.(token ?? '', announcement);
      if (answer === 'taken') return { status: 204, body: undefined };
      return problem(answer === 'refused' ? notThisPod() : notAwaited());
    },
  };
}

interface PodCall {
  readonly target: string;
  readonly key: string | null;
  /** JSON text. */
  readonly data: string;
  readonly timeoutMs: number;
  readonly idempotencyKey: string | undefined;
  readonly traceparent: string | undefined;
  readonly wait: 'answer' | 'forget';
}

function directCall(request: PodCall, grant: BatchGrant): DirectCall {
  return {
    unit: request.target,
    key: request.key,
    data: utf8.encode(request.data),
    contentType: 'application/json',
    idempotencyKey: request.idempotencyKey,
    timeoutMs: request.timeoutMs,
    depth: grant.depth + 1,
    traceparent: request.traceparent,
  };
}

function grantOf(tokens: BatchTokens, token: string | undefined): BatchGrant | undefined {
  return token === undefined ? undefined : tokens.find(token);
}

function readKeys(body: unknown): readonly string[] | undefined {
  const keys: unknown = field(body, 'keys');
  return Array.isArray(keys) && keys.length <= keysMax && keys.every(key => typeof key === 'string') ? keys : undefined;
}

function readCall(body: unknown): PodCall | undefined {
  const target = field(body, 'target');
  const key = field(body, 'key') ?? null;
  const data = field(body, 'data');
  const timeoutMs = field(body, 'timeoutMs');
  const idempotencyKey = field(body, 'idempotencyKey');
  const traceparent = field(body, 'traceparent');
  const wait = field(body, 'wait');
  if (typeof target !== 'string' || typeof data !== 'string' || typeof timeoutMs !== 'number' || !(timeoutMs > 0)) return undefined;
  if ((key !== null && typeof key !== 'string') || (wait !== 'answer' && wait !== 'forget')) return undefined;
  return {
    target,
    key,
    data,
    timeoutMs: Math.min(timeoutMs, callTimeoutMsMax),
    idempotencyKey: typeof idempotencyKey === 'string' ? idempotencyKey : undefined,
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
    wait,
  };
}

function readAnnouncement(body: unknown): PodAnnouncement | undefined {
  const bootId = field(body, 'bootId');
  const ip = field(body, 'ip');
  return typeof bootId === 'string' && typeof ip === 'string' && isIP(ip) !== 0 ? { bootId, ip } : undefined;
}

function notThisPod(): FaasError {
  return new FaasError(
    'FAAS_POD_IDENTITY',
    'the token is not that of this pod, or cannot be verified now',
    'The cluster tells where the pod is.',
  );
}

function notAwaited(): FaasError {
  return new FaasError('FAAS_POD_UNEXPECTED', 'nobody waits for this pod');
}

function field(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, name) ? Reflect.get(body, name) : undefined;
}

function refused(): PodCallbackAnswer {
  return problem(
    new FaasError('FAAS_BATCH_TOKEN', 'no batch runs under this token', 'The batch has ended; what it asks for is not answered any more.'),
  );
}

function malformed(expected: string): PodCallbackAnswer {
  return problem(new FaasError('FAAS_API_REQUEST', `the request is malformed, expected ${expected}`));
}

function problem(error: FaasError | ProblemError): PodCallbackAnswer {
  const body = problemOf(error, '');
  return { status: body.status, body };
}
