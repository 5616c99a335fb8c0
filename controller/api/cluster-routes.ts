import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  clusterVersion,
  clusterVersionHeader,
  decodeQuestion,
  decodeReport,
  decodeWish,
  encodePodsAnswer,
  encodeReportAnswer,
} from '../cluster/codec.ts';
import { notLeading } from '../cluster/hub.ts';
import type { LeaderDesk } from '../cluster/messages.ts';
import { FaasError } from '../errors.ts';
import { hasToken, tokenBytes } from './auth.ts';
import { paths } from './paths.ts';
import { ProblemError } from './problem.ts';

export interface ClusterDoor {
  readonly secret: string;
  /** Undefined: this process does not lead. */
  readonly hub: () => LeaderDesk | undefined;
  /** Aborts when the server stops. */
  readonly signal: AbortSignal;
}

/** A report of a thousand functions with all their partitions. */
const bodyLimit = 32 * 2 ** 20;

/** What other processes of the cluster tell the leader, and ask it. */
export function mountCluster(app: FastifyInstance, { secret, hub, signal }: ClusterDoor): void {
  const expected = tokenBytes(secret);
  const onRequest = async (request: FastifyRequest): Promise<void> => admit(request, expected);
  const leader = (): LeaderDesk => {
    const leading = hub();
    if (leading !== undefined) return leading;
    throw notLeading();
  };
  const answers = [
    [paths.internalReport, async (body: unknown) => encodeReportAnswer(await leader().take(decodeReport(body)))],
    [paths.internalPods, async (body: unknown) => encodePodsAnswer(await leader().pods(decodeQuestion(body), signal))],
    [
      paths.internalWant,
      async (body: unknown) => {
        await leader().want(decodeWish(body));
        return '{}';
      },
    ],
  ] as const;
  for (const [path, answer] of answers) {
    app.post(path, { bodyLimit, onRequest }, async (request, reply) => {
      const text = await answer(request.body);
      return reply.type('application/json').send(text);
    });
  }
}

function admit({ headers }: FastifyRequest, expected: Uint8Array): void {
  if (!hasToken(headers.authorization, expected))
    throw new FaasError(
      'FAAS_CLUSTER_SECRET',
      'the secret of the cluster is missing or wrong',
      'Give all processes of the cluster the same FAAS_CLUSTER_SECRET.',
    );
  const version = headers[clusterVersionHeader];
  if (version === String(clusterVersion)) return;
  throw new ProblemError(
    'FAAS_CLUSTER_VERSION',
    `this process speaks version ${clusterVersion} of /internal/v1, and was asked in ${String(version ?? 'none').slice(0, 20)}`,
    'Run releases that speak the same version; take the older processes out first.',
    { headers: { [clusterVersionHeader]: String(clusterVersion) } },
  );
}
