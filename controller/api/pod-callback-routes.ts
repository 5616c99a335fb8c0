import type { FastifyInstance } from 'fastify';
import { paths } from './paths.ts';

/** What pods ask back while a batch runs: bodies of docs/wire.md both ways, authorised by the batch's token inside them. */
export interface PodCallbacks {
  readState(body: Uint8Array): Promise<PodCallbackAnswer>;
  call(body: Uint8Array): Promise<PodCallbackAnswer>;
}

export interface PodCallbackAnswer {
  readonly status: number;
  readonly body: Uint8Array;
}

/** A call carries one event, a read the keys of one batch: both are bounded like a frame of the wire. */
const bodyLimit = 8 * 2 ** 20;

export function mountPodCallbacks(app: FastifyInstance, callbacks: PodCallbacks): void {
  const answers = [
    [paths.internalState, callbacks.readState],
    [paths.internalCall, callbacks.call],
  ] as const;
  for (const [path, answer] of answers) {
    app.post<{ Body: Uint8Array }>(path, { bodyLimit }, async (request, reply) => {
      const { status, body } = await answer(request.body);
      return reply.status(status).type('application/octet-stream').send(body);
    });
  }
}
