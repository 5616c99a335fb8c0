import type { IncomingMessage, ServerResponse } from 'node:http';
import { EmitRequest } from './contract.ts';
import { parseJsonBody } from './json-body.ts';
import { hasPlainBody, readPlainBody } from './plain-request.ts';
import { checkOf, formProblem } from './request-check.ts';
import { type AppendEvents, eventsBytesMax } from './stream-routes.ts';

export interface QuickAppendOptions {
  readonly append: AppendEvents;
  /** Whether the request may come in; of one that may not, the full way says why. */
  readonly admits: (request: IncomingMessage) => boolean;
  readonly fail: (error: unknown, response: ServerResponse) => void;
}

const eventsPath = /^\/v1\/streams\/([a-z][a-z0-9-]{0,39})\/([a-z][a-z0-9-]{0,39})\/events$/;
const jsonType = /^application\/json(?:;|$)/i;
const headers = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

/**
 * Events as programs append them, without the web framework, which costs more than all the rest of an append. The answer is false, and the request
 * untouched, for all that is not plain, or comes from a browser: that goes the full way, which checks and refuses it.
 */
export function quickAppends({
  append,
  admits,
  fail,
}: QuickAppendOptions): (request: IncomingMessage, response: ServerResponse) => boolean {
  const check = checkOf(EmitRequest, 'body');
  const take = async (at: { context: string; stream: string }, body: Uint8Array, traceparent: string | string[] | undefined) => {
    const given = parseJsonBody(body);
    if (!check(given)) throw formProblem(check.errors ?? [], 'body');
    return append(at, (given as EmitRequest).events, traceparent);
  };
  return (request, response) => {
    const path = request.method === 'POST' ? eventsPath.exec(request.url ?? '') : null;
    if (path === null || !isPlain(request) || !admits(request)) return false;
    const at = { context: path[1] ?? '', stream: path[2] ?? '' };
    readPlainBody(request, (body = new Uint8Array()) => {
      take(at, body, request.headers.traceparent).then(
        answer => send(response, JSON.stringify(answer)),
        error => fail(error, response),
      );
    });
    return true;
  };
}

function isPlain(request: IncomingMessage): boolean {
  const { origin, cookie, 'content-type': type } = request.headers;
  return origin === undefined && cookie === undefined && jsonType.test(type ?? '') && hasPlainBody(request, eventsBytesMax);
}

function send(response: ServerResponse, body: string): void {
  response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
