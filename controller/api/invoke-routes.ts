import { performance } from 'node:perf_hooks';
import { problemOfAnswer } from '../gateway/call-problem.ts';
import type { ApiPorts } from './api-ports.ts';
import { FunctionParams, InvokeAnswer, InvokeRequest } from './contract.ts';
import { findFunction } from './find-unit.ts';
import { defineRoute, type Route } from './route.ts';

const utf8 = new TextEncoder();
const text = new TextDecoder();
const callTimeoutMs = 30_000;

export function invokeRoutes({ registry, calls }: ApiPorts): readonly Route[] {
  const invoke = defineRoute({
    method: 'POST',
    path: 'invoke',
    tag: 'functions',
    summary: 'Calls a function and waits for its answer; its state and emits are committed before it is given',
    params: FunctionParams,
    body: InvokeRequest,
    answer: InvokeAnswer,
    handle: async ({ params, body, headers }) => {
      const { unit } = await findFunction(registry, params);
      const startedAt = performance.now();
      const answer = await calls.call({
        unit,
        key: body.key ?? null,
        data: utf8.encode(JSON.stringify(body.data)),
        contentType: 'application/json',
        idempotencyKey: body.idempotencyKey,
        timeoutMs: body.timeoutMs ?? callTimeoutMs,
        depth: 0,
        traceparent: typeof headers.traceparent === 'string' ? headers.traceparent : undefined,
      });
      if (answer.kind !== 'ok') throw problemOfAnswer(answer);
      const value: unknown = answer.answer === undefined ? undefined : JSON.parse(text.decode(answer.answer));
      const tookMs = Math.round((performance.now() - startedAt) * 1_000) / 1_000;
      return { ...(value !== undefined && { answer: value }), repeated: answer.repeated, tookMs };
    },
  });
  return [invoke];
}
