import { createHash, createHmac } from 'node:crypto';
import { createRequire } from 'node:module';

/** One recorded webhook of GitHub, as GitHub would send it. */
export interface Delivery {
  readonly id: string;
  readonly event: string;
  readonly body: string;
  /** The repository that it is counted for. */
  readonly repository: string;
}

interface Recorded {
  readonly name: string;
  readonly examples: readonly { readonly repository?: { readonly full_name?: string } | null }[];
}

/** Must be the example's own word for it; this process knows functions only from outside. */
const noRepository = '-';

/** All recorded payloads, in the package's order. */
const recorded: readonly Omit<Delivery, 'id'>[] = (
  createRequire(import.meta.url)('@octokit/webhooks-examples') as readonly Recorded[]
).flatMap(({ name, examples }) =>
  examples.map(example => ({ event: name, body: JSON.stringify(example), repository: example.repository?.full_name ?? noRepository })),
);

export const deliveriesPerRound = recorded.length;

/** The deliveries of a round, counted from 1. The same round has the same ids each time, so that sending it again adds nothing. */
export function roundOf(round: number): readonly Delivery[] {
  return recorded.map((delivery, index) => ({ ...delivery, id: idOf(round, index) }));
}

/** How many deliveries of one round each repository gets. */
export function countsOfRound(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { repository } of recorded) counts.set(repository, (counts.get(repository) ?? 0) + 1);
  return counts;
}

/** The headers with which GitHub sends it. */
export function headersOf({ id, event, body }: Delivery, secret: string): Record<string, string> {
  return {
    'content-type': 'application/json',
    'user-agent': 'GitHub-Hookshot/recorded',
    'x-github-event': event,
    'x-github-delivery': id,
    'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
  };
}

/** Looks like GitHub's: a UUID. */
function idOf(round: number, index: number): string {
  const hex = createHash('sha256').update(`github-activity/${round}/${index}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
