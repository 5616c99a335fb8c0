import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { FaasError } from '../errors.ts';
import { problemOf } from './problem.ts';

/** Answers what never became a request (no HTTP, too slow, headers too large) and closes: what follows on the connection cannot be trusted. */
export function answerBrokenRequest(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const problem = problemOf(refusalOf(error.code), '');
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    'content-type: application/problem+json',
    'x-content-type-options: nosniff',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function refusalOf(code: string | undefined): FaasError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new FaasError('FAAS_API_TIMEOUT', 'the request did not arrive in time', 'Send it faster, or in smaller parts.');
  }
  if (code === 'HPE_HEADER_OVERFLOW')
    return new FaasError('FAAS_API_HEADERS', 'the headers are too large', 'Send fewer and shorter headers.');
  return new FaasError('FAAS_API_REQUEST', 'this is no HTTP request', 'Check the client: the connection is closed.');
}
