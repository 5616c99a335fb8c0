import type { BatchContext, Context } from './context.ts';
import type { FaasEvent } from './event.ts';

/** A module exports one of them: `default` for one event at a time, or `batch`. What `default` returns is the answer of a direct call, or of a webhook with `respond: result`. */
export type Handler<Data = unknown, State = unknown, Answer = unknown> = (
  event: FaasEvent<Data>,
  ctx: Context<State>,
) => Answer | Promise<Answer>;

/** Throw `BatchFailure` to name the events that failed; any other error fails the batch, which is then bisected. */
export type BatchHandler<Data = unknown, State = unknown> = (
  events: readonly FaasEvent<Data>[],
  ctx: BatchContext<State>,
) => void | Promise<void>;

/** Runs once per worker, before the first event; its time counts as cold start. */
export type Init = () => void | Promise<void>;

/** Runs before the worker ends in good order; it has 5 s. Not promised: it does not run when the worker is terminated or crashes. */
export type Shutdown = () => void | Promise<void>;
