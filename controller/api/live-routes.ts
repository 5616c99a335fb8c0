import { Readable } from 'node:stream';
import { unitOf } from '../functions/live-function.ts';
import type { ApiPorts } from './api-ports.ts';
import { FunctionParams } from './contract.ts';
import { findFunction } from './find-unit.ts';
import { graphOf } from './graph.ts';
import type { LiveBoard } from './live-board.ts';
import { GraphAnswer, LiveQuery, LiveSnapshot, SchedulesAnswer, SeriesAnswer, WebhookEndpointsAnswer } from './live-schema.ts';
import { ProblemError } from './problem.ts';
import { defineRoute, type Route, StreamedAnswer } from './route.ts';
import { readSchedules } from './schedules.ts';
import { watchLive } from './watch-live.ts';
import { readWebhookEndpoints } from './webhook-endpoints.ts';

const tag = 'dashboard';
/** Pages that watch at once: each costs a snapshot a second. */
const viewersMax = 64;

/** What the dashboard shows beyond the routes that the command line uses. */
export function liveRoutes(ports: ApiPorts, board: LiveBoard): readonly Route[] {
  const live = defineRoute({
    method: 'GET',
    path: 'live',
    tag,
    summary: 'All figures of all functions, each second, as server-sent events (`history`, `snapshot`, `decision`, `log`, `webhook`)',
    query: LiveQuery,
    answer: LiveSnapshot,
    handle: async ({ query, signal }) => {
      if (board.viewers >= viewersMax) {
        throw new ProblemError('FAAS_API_WATCHERS', `${viewersMax} pages watch this server already`, 'Close one of them.', {
          headers: { 'retry-after': '10' },
        });
      }
      const wish = { unit: query.unit, webhooks: query.webhooks ?? false };
      return new StreamedAnswer(
        'text/event-stream; charset=utf-8',
        Readable.from(watchLive(board, ports, wish, signal), { objectMode: false, highWaterMark: 1 }),
      );
    },
  });
  const series = defineRoute({
    method: 'GET',
    path: 'series',
    tag,
    summary: 'The last quarter of an hour of a function',
    params: FunctionParams,
    answer: SeriesAnswer,
    handle: async ({ params }) => {
      await findFunction(ports.registry, params);
      return board.series(unitOf(params.context, params.function));
    },
  });
  return [live, series, ...pictureRoutes(ports)];
}

function pictureRoutes(ports: ApiPorts): readonly Route[] {
  const graph = defineRoute({
    method: 'GET',
    path: 'graph',
    tag,
    summary: 'Functions, streams, webhooks and schedules, and what leads where',
    answer: GraphAnswer,
    handle: async () => graphOf(await ports.registry.contexts()),
  });
  const schedules = defineRoute({
    method: 'GET',
    path: 'schedules',
    tag,
    summary: 'All schedules, with their next and their last due time',
    answer: SchedulesAnswer,
    handle: async () => ({ schedules: await readSchedules(ports) }),
  });
  const webhooks = defineRoute({
    method: 'GET',
    path: 'webhookEndpoints',
    tag,
    summary: 'All webhook endpoints, with what became of their recent deliveries',
    answer: WebhookEndpointsAnswer,
    handle: async () => readWebhookEndpoints(ports),
  });
  return [graph, schedules, webhooks];
}
