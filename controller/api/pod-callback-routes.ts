import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { PodCallbacks } from '../gateway/pod-callbacks.ts';
import { paths } from './paths.ts';

/** A call carries one event, a read the keys of one batch: both are bounded like a frame of the wire. */
const batchBytesMax = 8 * 2 ** 20;
/** A boot id and an address. */
const announcementBytesMax = 1_024;

/** What pods ask back while a batch runs, and say when they have started: JSON as docs/wire.md says, authorised by the token that comes with it. */
export function mountPodCallbacks(app: FastifyInstance, callbacks: PodCallbacks): void {
  const answers = [
    [paths.internalState, callbacks.readState, batchBytesMax],
    [paths.internalCall, callbacks.call, batchBytesMax],
    [paths.internalAnnounce, callbacks.announce, announcementBytesMax],
  ] as const;
  for (const [path, answer, bodyLimit] of answers) {
    app.post(path, { bodyLimit }, async (request, reply) => {
      const { status, body } = await answer(bearerOf(request), request.body);
      if (body === undefined) return reply.status(status).send();
      return reply.status(status).type('application/json').send(JSON.stringify(body));
    });
  }
}

function bearerOf({ headers }: FastifyRequest): string | undefined {
  const { authorization } = headers;
  return authorization?.startsWith('Bearer ') ? authorization.slice('Bearer '.length) : undefined;
}
