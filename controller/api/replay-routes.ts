import { FaasError } from '../errors.ts';
import { progressOf, type ReplayJob } from '../replay/replay-job.ts';
import { ReplayStore } from '../replay/replay-store.ts';
import { startReplay } from '../replay/start-replay.ts';
import type { ApiPorts } from './api-ports.ts';
import { FunctionParams, ReplayParams, ReplayProgress, ReplaysAnswer, ReplaysRequest } from './contract.ts';
import { findFunction } from './find-unit.ts';
import { resolveOne } from './function-backlog.ts';
import { defineRoute, type Route } from './route.ts';

const tag = 'replays';

/** Past events of a function, handled again beside the live ones. */
export function replayRoutes(ports: ApiPorts): readonly Route[] {
  const replays = new ReplayStore(ports);
  const start = defineRoute({
    method: 'POST',
    path: 'replays',
    tag,
    summary: 'Handles past events of a function again: once each, in order per key, beside live traffic and on the state of now',
    params: FunctionParams,
    body: ReplaysRequest,
    answer: ReplayProgress,
    handle: async ({ params, body: { from, to = 'latest', stream, inbox = false, ratePerSecond } }) => {
      const live = await resolveOne(ports, await findFunction(ports.registry, params));
      return answerOf(await startReplay({ ...ports, replays }, live, { from, to, stream, inbox, ratePerSecond }));
    },
  });
  const list = defineRoute({
    method: 'GET',
    path: 'replays',
    tag,
    summary: 'The replays of a function, the latest last',
    params: FunctionParams,
    answer: ReplaysAnswer,
    handle: async ({ params }) => {
      const { unit } = await findFunction(ports.registry, params);
      const jobs = [...(await replays.list(unit))].sort((a, b) => a.startedAtMs - b.startedAtMs);
      return { replays: jobs.map(answerOf) };
    },
  });
  const cancel = defineRoute({
    method: 'DELETE',
    path: 'replayOf',
    tag,
    summary: 'Ends a replay; what is in the inbox already is handled',
    params: ReplayParams,
    answer: ReplayProgress,
    handle: async ({ params }) => {
      const { unit } = await findFunction(ports.registry, params);
      const job = await replays.change(unit, params.id, one => (one.state === 'running' ? { ...one, state: 'cancelled' } : one));
      if (job === undefined)
        throw new FaasError('FAAS_REPLAY_UNKNOWN', `${unit} has no replay ${params.id}`, 'List them with "faas replays list".');
      return answerOf(job);
    },
  });
  return [start, list, cancel];
}

function answerOf(job: ReplayJob): ReplayProgress {
  const { id, state, startedAtMs, events } = job;
  return { id, state, startedAtMs, events, ...progressOf(job) };
}
