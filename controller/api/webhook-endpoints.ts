import type { ApiPorts } from './api-ports.ts';
import type { WebhookEndpointsAnswer } from './live-schema.ts';

const deliveriesMax = 2_000;
const sinceMs = 86_400_000;

type Endpoint = WebhookEndpointsAnswer['endpoints'][number];

/** Endpoints of all live functions, with a count of what became of the recent deliveries. */
export async function readWebhookEndpoints({
  registry,
  history,
  clock,
}: Pick<ApiPorts, 'registry' | 'history' | 'clock'>): Promise<WebhookEndpointsAnswer> {
  const since = clock.now() - sinceMs;
  const entries = await history.read({ kind: 'webhook', sinceMs: since, limit: deliveriesMax });
  const endpoints: Endpoint[] = [];
  for (const { unit, context, live } of await registry.functions()) {
    for (const trigger of live.spec.on) {
      if (trigger.kind !== 'webhook') continue;
      const mine = entries.filter(entry => entry.unit === unit && entry.data.path === trigger.path);
      const count = (outcome: string) => mine.filter(entry => entry.data.outcome === outcome).length;
      const last = mine.at(-1);
      endpoints.push({
        unit,
        path: trigger.path,
        url: `/hooks/${context}${trigger.path}`,
        verify: trigger.verify.scheme,
        accepted: count('accepted'),
        duplicates: count('duplicate'),
        refused: count('refused'),
        failed: count('failed'),
        ...(last && { lastMs: last.atMs }),
      });
    }
  }
  return { deliveriesMax, sinceMs: since, endpoints };
}
