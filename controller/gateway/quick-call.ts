import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasPlainBody, readPlainBody } from '../api/plain-request.ts';
import { unitOf } from '../functions/live-function.ts';
import { answerCall, type CallReply } from './call-route.ts';
import type { DirectCalls } from './direct-calls.ts';

export interface QuickCallOptions {
  readonly calls: DirectCalls;
  readonly bodyBytesMax: number;
  /** Whether the request may come in; of one that may not, the full way says why. */
  readonly admits: (request: IncomingMessage) => boolean;
  readonly fail: (error: unknown, response: ServerResponse) => void;
}

const callPath = /^\/call\/([a-z][a-z0-9-]{0,39})\/([a-z][a-z0-9-]{0,39})$/;

/**
 * A direct call as nearly every client sends it, without the web framework, which costs as much as all the rest of a call. The answer is false, and the
 * request untouched, for all that is not plain: that goes the full way, which reads and refuses it.
 */
export function quickCalls(options: QuickCallOptions): (request: IncomingMessage, response: ServerResponse) => boolean {
  const { calls, bodyBytesMax, admits, fail } = options;
  return (request, response) => {
    const path = request.method === 'POST' ? callPath.exec(request.url ?? '') : null;
    if (path === null || !hasPlainBody(request, bodyBytesMax) || !admits(request)) return false;
    const unit = unitOf(path[1] ?? '', path[2] ?? '');
    readPlainBody(request, body => {
      answerCall(calls, { unit, queryKey: undefined, headers: request.headers, body }).then(
        reply => send(response, reply),
        error => fail(error, response),
      );
    });
    return true;
  };
}

function send(response: ServerResponse, { body, headers }: CallReply): void {
  response.writeHead(body === undefined ? 204 : 200, headers);
  response.end(body, 'latin1');
}
