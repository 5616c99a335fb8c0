import type { IncomingMessage, ServerResponse } from 'node:http';
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
const plainType = /^[a-z0-9.+-]+\/[a-z0-9.+-]+(?:; ?charset=[a-z0-9-]+)?$/i;

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
    readBody(request, body => {
      answerCall(calls, { unit, queryKey: undefined, headers: request.headers, body }).then(
        reply => send(response, reply),
        error => fail(error, response),
      );
    });
    return true;
  };
}

/** Of a length that is known and allowed, and of a type that needs no look inside. */
function hasPlainBody({ headers }: IncomingMessage, bytesMax: number): boolean {
  const length = Number(headers['content-length']);
  const type = headers['content-type'];
  return length <= bytesMax && headers['transfer-encoding'] === undefined && (type === undefined || plainType.test(type));
}

/** A client that goes before its body is whole was never answered, and need not be. */
function readBody(request: IncomingMessage, done: (body: Uint8Array | undefined) => void): void {
  let first: Uint8Array | undefined;
  let more: Uint8Array[] | undefined;
  request.on('data', (chunk: Uint8Array) => {
    if (first === undefined) {
      first = chunk;
    } else {
      more ??= [first];
      more.push(chunk);
    }
  });
  request.on('end', () => done(more === undefined ? first : Buffer.concat(more)));
}

function send(response: ServerResponse, { body, headers }: CallReply): void {
  response.writeHead(body === undefined ? 204 : 200, headers);
  response.end(body, 'latin1');
}
