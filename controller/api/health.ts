import type { FastifyInstance } from 'fastify';
import type { Clock } from '../clock.ts';
import type { ReadyAnswer } from './contract.ts';
import { paths } from './paths.ts';

/** One thing that must be there before the server takes work; it may answer or throw, but should not take long. */
export interface ReadyCheck {
  readonly name: string;
  check(): Promise<boolean>;
}

export interface HealthOptions {
  readonly readyChecks: readonly ReadyCheck[];
  /** The text of `/metrics`. */
  readonly metrics: { expose(): Promise<string>; readonly contentType: string };
  readonly clock: Clock;
}

/** A check that hangs counts as failed after this time: probes have time-outs of their own, and they must see which one it was. */
const checkMs = 2_000;

/** `/healthz`: the process answers. `/readyz`: it can do its work; names of what is missing, no details. `/metrics`: Prometheus text. */
export function mountHealth(app: FastifyInstance, options: HealthOptions): void {
  app.get(paths.healthz, async () => ({ ok: true }));
  app.get(paths.readyz, async (_, reply) => {
    const answer = await readiness(options);
    return reply.status(answer.ready ? 200 : 503).send(answer);
  });
  app.get(paths.metrics, async (_, reply) => reply.type(options.metrics.contentType).send(await options.metrics.expose()));
}

async function readiness({ readyChecks, clock }: HealthOptions): Promise<ReadyAnswer> {
  const checks = await Promise.all(readyChecks.map(async one => ({ name: one.name, ok: await answersInTime(one, clock) })));
  return { ready: checks.every(check => check.ok), checks };
}

async function answersInTime(one: ReadyCheck, clock: Clock): Promise<boolean> {
  const over = new AbortController();
  const late = clock.sleep(checkMs, over.signal).then(() => false);
  const answer = await Promise.race([one.check().catch(() => false), late]);
  over.abort();
  return answer;
}
