import { Readable } from 'node:stream';
import type { HistoryEntry, HistoryKind, HistoryQuery as PortQuery } from '../ports/history.ts';
import type { ApiPorts } from './api-ports.ts';
import { HistoryAnswer, HistoryQuery, LogsQuery } from './contract.ts';
import { followHistory } from './follow-history.ts';
import { defineRoute, type Route, StreamedAnswer } from './route.ts';

const tag = 'history';
const usualLimit = 200;

/** What happened: logs of handlers, decisions of the runtime, webhook deliveries. */
export function historyRoutes(ports: ApiPorts): readonly Route[] {
  const { history } = ports;
  const read = (kind: HistoryKind, path: 'decisions' | 'webhooks', summary: string) =>
    defineRoute({
      method: 'GET',
      path,
      tag,
      summary,
      query: HistoryQuery,
      answer: HistoryAnswer,
      handle: async ({ query }) => answerOf(await history.read(portQuery(kind, query))),
    });
  const logs = defineRoute({
    method: 'GET',
    path: 'logs',
    tag,
    summary: 'What handlers printed and logged; with `follow` as server-sent events',
    query: LogsQuery,
    answer: HistoryAnswer,
    handle: async ({ query, headers, signal }) => {
      const wanted = portQuery('log', query, lastEventId(headers['last-event-id']));
      if (query.follow !== true) return answerOf(await history.read(wanted));
      return new StreamedAnswer(
        'text/event-stream; charset=utf-8',
        Readable.from(followHistory(ports, wanted, signal), { objectMode: false }),
      );
    },
  });
  return [
    logs,
    read('decision', 'decisions', 'What the runtime decided, with reasons and figures'),
    read('webhook', 'webhooks', 'Recent webhook deliveries, accepted and refused'),
  ];
}

function portQuery(kind: HistoryKind, query: HistoryQuery, lastId?: number): PortQuery {
  const { unit, sinceMs, limit = usualLimit } = query;
  const afterId = lastId ?? query.after;
  return {
    kind,
    limit,
    ...(unit !== undefined && { unit }),
    ...(sinceMs !== undefined && { sinceMs }),
    ...(afterId !== undefined && { afterId }),
  };
}

/** What an EventSource sends when it connects again. */
function lastEventId(header: string | readonly string[] | undefined): number | undefined {
  return typeof header === 'string' && /^[0-9]{1,15}$/.test(header) ? Number(header) : undefined;
}

function answerOf(entries: readonly HistoryEntry[]): HistoryAnswer {
  return { entries: entries.map(({ id, atMs, unit, data }) => ({ id, atMs, unit, data: { ...data } })) };
}
