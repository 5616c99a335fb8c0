import type { IncomingMessage } from 'node:http';

const plainType = /^[a-z0-9.+-]+\/[a-z0-9.+-]+(?:; ?charset=[a-z0-9-]+)?$/i;

/** Whether a request has a body of a length that is known and allowed, and of a type that needs no look inside. */
export function hasPlainBody({ headers }: IncomingMessage, bytesMax: number): boolean {
  const length = Number(headers['content-length']);
  const type = headers['content-type'];
  return length <= bytesMax && headers['transfer-encoding'] === undefined && (type === undefined || plainType.test(type));
}

/** A client that goes before its body is whole was never answered, and need not be. */
export function readPlainBody(request: IncomingMessage, done: (body: Uint8Array | undefined) => void): void {
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
