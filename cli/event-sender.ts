import type { EmitAnswer } from '../controller/api/contract.ts';
import { pathTo } from '../controller/api/paths.ts';
import { type ApiClient, ApiRefusal } from './api-client.ts';
import { CommandFailure } from './failure.ts';
import { type EmitEvent, type Line, parseLine } from './ndjson.ts';
import type { QualifiedName } from './unit-name.ts';

/** Requests stay well below what the server takes in one. */
const batchEventsMax = 500;
const batchBytesMax = 512 * 1_024;

export interface SendOptions {
  readonly client: ApiClient;
  readonly stream: QualifiedName;
  readonly keyFrom: string | undefined;
  /** Stop at the first bad line. */
  readonly strict: boolean;
  readonly onProgress: (sent: number) => void;
  readonly onBad: (line: BadLine) => void;
}

export interface BadLine {
  readonly line: number;
  readonly reason: string;
}

export interface SendResult {
  readonly sent: number;
  readonly bad: number;
  /** --strict met a bad line: what follows it was not sent. */
  readonly stopped: boolean;
}

interface Pending {
  readonly line: number;
  readonly event: EmitEvent;
}

/** Sends lines in their order, one request at a time: the next lines are read only when the server has stored the ones before. */
export async function sendLines(lines: AsyncIterable<Line>, options: SendOptions): Promise<SendResult> {
  let sent = 0;
  let bad = 0;
  let batch: Pending[] = [];
  let batchBytes = 0;
  const flush = async () => {
    const result = await sendBatch(batch, sent, options);
    sent += result.sent;
    bad += result.bad;
    batch = [];
    batchBytes = 0;
    options.onProgress(sent);
  };
  for await (const line of lines) {
    const parsed = parseLine(line.text, options.keyFrom);
    if (parsed.kind === 'bad') {
      bad += 1;
      options.onBad({ line: line.number, reason: parsed.reason });
    } else {
      const bytes = Buffer.byteLength(line.text ?? '');
      if (batch.length >= batchEventsMax || (batch.length > 0 && batchBytes + bytes > batchBytesMax)) await flush();
      batch.push({ line: line.number, event: parsed.event });
      batchBytes += bytes;
    }
    if (bad > 0 && options.strict) break;
  }
  if (batch.length > 0) await flush();
  return { sent, bad, stopped: bad > 0 && options.strict };
}

type BatchResult = Pick<SendResult, 'sent' | 'bad'>;

/**
 * The server takes all events of a request or none. Those that it names as bad are left out, and the rest is sent again; where it only says
 * that the request is bad, halves are sent until the event is found. With --strict, what stands before the first bad line may still go.
 */
async function sendBatch(batch: readonly Pending[], before: number, options: SendOptions): Promise<BatchResult> {
  if (batch.length === 0) return { sent: 0, bad: 0 };
  try {
    await post(
      options,
      batch.map(one => one.event),
    );
    return { sent: batch.length, bad: 0 };
  } catch (cause) {
    const refused = refusedEvents(cause, batch.length);
    if (refused === undefined) throw interrupted(cause, batch, before);
    if (refused.size === 0) return sendHalves(batch, before, options);
    const first = Math.min(...refused.keys());
    for (const [index, reason] of refused) {
      if (!options.strict || index === first) options.onBad({ line: batch[index]?.line ?? 0, reason });
    }
    const rest = await sendBatch(
      batch.filter((_, index) => (options.strict ? index < first : !refused.has(index))),
      before,
      options,
    );
    return { sent: rest.sent, bad: rest.bad + (options.strict ? 1 : refused.size) };
  }
}

async function sendHalves(batch: readonly Pending[], before: number, options: SendOptions): Promise<BatchResult> {
  const middle = Math.ceil(batch.length / 2);
  const first = await sendBatch(batch.slice(0, middle), before, options);
  if (first.bad > 0 && options.strict) return first;
  const second = await sendBatch(batch.slice(middle), before + first.sent, options);
  return { sent: first.sent + second.sent, bad: first.bad + second.bad };
}

function post({ client, stream }: SendOptions, events: readonly EmitEvent[]): Promise<EmitAnswer> {
  return client.send<EmitAnswer>('POST', pathTo('events', { context: stream.context, stream: stream.name }), { events });
}

/** What is wrong with the request as such, and not with the stream or the server. */
const requestCodes: ReadonlySet<string> = new Set([
  'FAAS_EVENT_SCHEMA',
  'FAAS_API_REQUEST',
  'FAAS_API_BODY',
  'FAAS_API_BODY_TOO_LARGE',
  'FAAS_EVENT_TOO_LARGE',
]);

/** Positions in the request → reasons, where the server names them as `/events/<position>…`; empty: some event is bad; undefined: none is. */
function refusedEvents(cause: unknown, events: number): ReadonlyMap<number, string> | undefined {
  if (!(cause instanceof ApiRefusal) || !requestCodes.has(cause.code)) return undefined;
  const refused = new Map<number, string>();
  for (const { at, message } of cause.problem.problems ?? []) {
    const position = /^\/events\/(\d+)(\/.*)?$/.exec(at ?? '');
    if (position !== null) refused.set(Number(position[1]), `${position[2] ?? ''} ${message}`.trim());
  }
  return refused.size === 0 && events === 1 ? new Map([[0, cause.message]]) : refused;
}

function interrupted(cause: unknown, pending: readonly Pending[], before: number): unknown {
  if (!(cause instanceof CommandFailure)) return cause;
  const [first, last] = [pending[0]?.line, pending.at(-1)?.line];
  const lines = first === last ? `line ${first}` : `lines ${first} to ${last}`;
  const fate =
    cause instanceof ApiRefusal ? 'were not stored' : 'may be stored or not; with ids on the events it is safe to send them again';
  return new CommandFailure(cause.code, cause.message, {
    where: [...cause.where, `${before} events are stored; ${lines} ${fate}`],
    hint: cause.hint,
    cause,
  });
}
