import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { PodCallbacks } from '../gateway/pod-callbacks.ts';
import { paths } from './paths.ts';

/** A call carries one event, a read the keys of one batch: both are bounded like a frame of the wire. */
const bodyLimit = 8 * 2 ** 20;

/** What pods ask back while a batch runs: JSON as docs/wire.md says, authorised by the token of the batch. */
export function mountPodCallbacks(app: FastifyInstance, callbacks: PodCallbacks): void {
  const answers = [
    [paths.internalState, callbacks.readState],
    [paths.internalCall, callbacks.call],
  ] as const;
  for (const [path, answer] of answers) {
    app.post(path, { bodyLimit }, async (request, reply) => {
      const { status, body } = await answer(bearerOf(request), request.body);
      return reply.status(status).type('application/json').send(JSON.stringify(body));
    });
  }
}

function bearerOf({ headers }: FastifyRequest): string | undefined {
  const { authorization } = headers;
  return authorization?.startsWith('Bearer ') ? authorization.slice('Bearer '.length) : undefined;
}
