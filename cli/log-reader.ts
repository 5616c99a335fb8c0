import type { IncomingMessage } from 'node:http';
import type { HistoryAnswer, HistoryItem } from '../controller/api/contract.ts';
import { pathTo } from '../controller/api/paths.ts';
import type { ApiClient } from './api-client.ts';

export const levels: readonly string[] = ['debug', 'info', 'warn', 'error'];

export interface WantedLogs {
  readonly unit: string | undefined;
  readonly context: string | undefined;
  readonly levels: readonly string[];
  readonly sinceMs: number | undefined;
}

/** The last `tail` lines that are wanted, and where to go on. */
export async function readLogs(
  client: ApiClient,
  wanted: WantedLogs,
  tail: number,
): Promise<{ readonly entries: readonly HistoryItem[]; readonly lastId: number | undefined }> {
  // The server knows units, not levels and contexts: with those more has to be read than is shown.
  const narrowed = wanted.levels.length < levels.length || wanted.context !== undefined;
  const limit = narrowed ? pageMax : Math.max(1, Math.min(pageMax, tail));
  const { entries } = await client.get<HistoryAnswer>(pathTo('logs', {}, { unit: wanted.unit, sinceMs: wanted.sinceMs, limit }));
  const matching = entries.filter(entry => isWanted(entry, wanted));
  return { entries: tail === 0 ? [] : matching.slice(-tail), lastId: entries.at(-1)?.id };
}

/** Whether the server has any line of a unit, however old: one that was deleted keeps them for a while. */
export async function hasLogs(client: ApiClient, unit: string): Promise<boolean> {
  return (await client.get<HistoryAnswer>(pathTo('logs', {}, { unit, limit: 1 }))).entries.length > 0;
}

const pageMax = 10_000;

/** Calls back for each new line until the connection ends; answers the id after which to read on. */
export async function followLogs(
  client: ApiClient,
  wanted: WantedLogs,
  afterId: number | undefined,
  signal: AbortSignal,
  onEntry: (entry: HistoryItem) => Promise<void>,
): Promise<number | undefined> {
  const query = { unit: wanted.unit, after: afterId ?? 0, follow: true, limit: pageMax };
  const response = await client.open(pathTo('logs', {}, query), { accept: 'text/event-stream' }, signal);
  let last = afterId;
  for await (const data of eventData(response)) {
    const entry = parseItem(data);
    if (entry === undefined) continue;
    last = entry.id;
    if (isWanted(entry, wanted)) await onEntry(entry);
  }
  return last;
}

/** The `data:` of server-sent events. A connection that breaks ends it: the caller reads on from the last id. */
export async function* eventData(response: IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8');
  let rest = '';
  let data: string[] = [];
  try {
    for await (const part of response) {
      const lines = `${rest}${part}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines.map(text => text.replace(/\r$/, ''))) {
        if (line.startsWith('data:')) data.push(line.slice('data:'.length).replace(/^ /, ''));
        if (line !== '' || data.length === 0) continue;
        yield data.join('\n');
        data = [];
      }
    }
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && (cause.code === 'ECONNRESET' || cause.code === 'ABORT_ERR'))) throw cause;
  }
}

function parseItem(data: string): HistoryItem | undefined {
  const value: unknown = JSON.parse(data);
  return isItem(value) ? value : undefined;
}

function isItem(value: unknown): value is HistoryItem {
  return (
    typeof value === 'object' &&
    value !== null &&
    'id' in value &&
    typeof value.id === 'number' &&
    'data' in value &&
    typeof value.data === 'object'
  );
}

function isWanted(entry: HistoryItem, wanted: WantedLogs): boolean {
  if (wanted.context !== undefined && !entry.unit.startsWith(`${wanted.context}.`)) return false;
  const { level } = entry.data;
  return typeof level !== 'string' || !levels.includes(level) || wanted.levels.includes(level);
}
