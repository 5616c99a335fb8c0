import type { Context, FaasEvent } from 'faas';
import { type Activity, countIn, everything } from './activity.ts';

export interface Summary {
  events: number;
  byRepository: Record<string, number>;
  byEvent: Record<string, number>;
}

/** Two triggers, one function: state is private to a function, so whoever reports must be the one who counts. */
export default async function summary(event: FaasEvent<Activity>, ctx: Context): Promise<void> {
  const state = ctx.stateOf<Summary>(everything);
  const known = (await state.get()) ?? { events: 0, byRepository: {}, byEvent: {} };
  if (event.trigger === 'schedule') {
    report(known, ctx);
    return;
  }
  known.events += 1;
  countIn(known.byRepository, event.data.repository);
  countIn(known.byEvent, event.data.event);
  state.set(known);
}

function report({ events, byRepository, byEvent }: Summary, { log }: Context): void {
  log.info(`${events} events in ${Object.keys(byRepository).length} repositories`, {
    busiestRepository: largest(byRepository),
    commonestEvent: largest(byEvent),
  });
}

function largest(counts: Record<string, number>): string | undefined {
  return Object.entries(counts).sort(([, a], [, b]) => b - a)[0]?.[0];
}
