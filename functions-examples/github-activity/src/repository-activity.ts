import type { Context, FaasEvent } from 'faas';
import { type Activity, countIn, noRepository } from './activity.ts';

/** The part of GitHub's payloads that matters here. */
interface Payload {
  readonly action?: string;
  readonly sender?: { readonly login: string };
}

export interface RepositoryState {
  events: number;
  byEvent: Record<string, number>;
  lastSender: string | undefined;
}

/**
 * The manifest takes the key of an event from its payload. Payloads without a repository have no key, hence no `ctx.state`: they share
 * the state of a key of our own choice.
 */
export default async function repositoryActivity(event: FaasEvent<Payload>, ctx: Context): Promise<void> {
  const repository = event.key ?? noRepository;
  const name = event.headers['x-github-event'] ?? 'unknown';
  const state = ctx.stateOf<RepositoryState>(repository);
  const activity = (await state.get()) ?? { events: 0, byEvent: {}, lastSender: undefined };
  activity.events += 1;
  countIn(activity.byEvent, name);
  activity.lastSender = event.data.sender?.login ?? activity.lastSender;
  state.set(activity);
  const emitted: Activity = { repository, event: name };
  ctx.emit('activity', repository, emitted);
}
