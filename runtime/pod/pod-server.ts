import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type BatchHead, readBatchHead } from '../protocol/batch.ts';
import { decodeLoad, loadBytesMax } from '../protocol/control.ts';
import { framesType, readFrames } from '../protocol/frame.ts';
import { unclearedBytes } from '../protocol/intrinsics.ts';
import { type LoadRequest, type PodStatus, wireLimits } from '../protocol/messages.ts';
import { encodeReply } from '../protocol/reply.ts';
import { acceptedVersion, wireVersionHeader, wireVersions } from '../protocol/version.ts';
import { Connections } from './connections.ts';
import { http } from './late-modules.ts';
import { isAdmitted, type PodSecret } from './pod-credentials.ts';

/** What the pod does with requests that passed the door. */
export interface PodHandlers {
  status(): PodStatus;
  load(request: LoadRequest, loadTimeoutMs: number, response: ServerResponse): void;
  batch(head: BatchHead, bytes: Uint8Array<ArrayBuffer>, response: ServerResponse): void;
  /** A request has passed the door. */
  seen?(): void;
  /** What only some parents ask for, after the door: whether this path was one of them. */
  more?(request: IncomingMessage, response: ServerResponse): boolean;
}

export interface PodServer {
  readonly server: Server;
  readonly connections: Connections;
}

/** The pod's HTTP edge: token, wire version, sizes. Bodies are handed on as bytes. `secret` is undefined until the parent has told it. */
export function createPodServer(secret: () => PodSecret | undefined, handlers: PodHandlers): PodServer {
  const server = http().createServer(
    { keepAliveTimeout: 120_000, requestTimeout: 120_000, headersTimeout: 10_000, noDelay: true },
    (request, response) => {
      if (!connections.take(request, response)) return undefined;
      const path = request.url;
      // Asked by whoever looks whether the process is alive; it tells nothing else.
      if (request.method === 'GET' && path === '/healthz') return answerJson(response, 200, {});
      const refused = refusal(request, secret());
      if (refused !== undefined) return answerProblem(response, refused);
      handlers.seen?.();
      if (request.method === 'GET' && path === '/v1/status') return answerJson(response, 200, handlers.status());
      if (request.method === 'POST' && path === '/v1/batch') {
        return readBody(request, response, wireLimits.batchBytesMax, bytes => handlers.batch(readBatchHead(bytes), bytes, response));
      }
      if (request.method === 'POST' && path === '/v1/load') {
        return readBody(request, response, loadBytesMax, bytes =>
          readFrames(
            bytes,
            frame => {
              const { request: load, loadTimeoutMs } = decodeLoad(frame);
              handlers.load(load, loadTimeoutMs, response);
            },
            loadBytesMax,
          ),
        );
      }
      if (handlers.more?.(request, response) === true) return undefined;
      return answerProblem(response, { status: 404, code: 'FAAS_WIRE_PATH', detail: 'there is nothing at this path' });
    },
  );
  server.on('clientError', (_error, socket) => socket.destroy());
  const connections = new Connections(server, farewell);
  return { server, connections };
}

/** What a pod answers to a batch that it does not take, as it stands on the connection. */
const draining = encodeReply({ kind: 'end', end: 'draining' });
const farewellHead = [
  'HTTP/1.1 200 OK',
  `content-type: ${framesType}`,
  `content-length: ${draining.length}`,
  `${wireVersionHeader}: ${wireVersions.join(',')}`,
  'connection: close',
];
const farewell = Buffer.concat([Buffer.from(`${farewellHead.join('\r\n')}\r\n\r\n`), draining]);

interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

function refusal(request: IncomingMessage, secret: PodSecret | undefined): Problem | undefined {
  if (secret === undefined || !isAdmitted(request.headers.authorization, secret)) {
    return { status: 401, code: 'FAAS_WIRE_TOKEN', detail: 'the token is not the one of this pod' };
  }
  const version = request.headers[wireVersionHeader];
  if (request.method === 'POST' && acceptedVersion(typeof version === 'string' ? version : undefined) === undefined) {
    return { status: 426, code: 'FAAS_WIRE_VERSION', detail: `this pod speaks ${wireVersions.join(', ')}` };
  }
  return undefined;
}

/** Collects the body into one buffer that can be handed to a thread. A length that is missing, wrong or too large is refused. */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  bytesMax: number,
  onBody: (bytes: Uint8Array<ArrayBuffer>) => void,
): void {
  const length = Number(request.headers['content-length']);
  if (!Number.isSafeInteger(length) || length < 0) {
    answerProblem(response, { status: 411, code: 'FAAS_WIRE_LENGTH', detail: 'a length is required' });
    return;
  }
  if (length > bytesMax) {
    answerProblem(response, { status: 413, code: 'FAAS_WIRE_TOO_LARGE', detail: `at most ${bytesMax} bytes are taken` });
    return;
  }
  const bytes = unclearedBytes(length);
  let at = 0;
  request.on('data', (chunk: Uint8Array) => {
    bytes.set(chunk, at);
    at += chunk.length;
  });
  request.on('end', () => {
    try {
      onBody(bytes);
    } catch (error) {
      answerProblem(response, { status: 400, code: 'FAAS_WIRE', detail: error instanceof Error ? error.message : 'unreadable' });
    }
  });
  request.on('error', () => response.destroy());
}

/** The connection stays: one that ends while the body is on its way is a broken pipe to the client, and not an answer. */
function answerProblem(response: ServerResponse, { status, code, detail }: Problem): void {
  if (response.headersSent) return void response.destroy();
  answerJson(response, status, { type: 'about:blank', title: code, status, code, detail }, 'application/problem+json');
}

export function answerJson(response: ServerResponse, status: number, body: unknown, contentType = 'application/json'): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
    [wireVersionHeader]: wireVersions.join(','),
  });
  response.end(text);
}
