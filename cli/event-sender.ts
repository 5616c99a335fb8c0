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
      const bytes = line.text?.length ?? 0;
      if (batch.length >= batchEventsMax || (batch.length > 0 && batchBytes + bytes > batchBytesMax)) await flush();
      batch.push({ line: line.number, event: parsed.event });
      batchBytes += bytes;
    }
    if (bad > 0 && options.strict) break;
  }
  if (batch.length > 0) await flush();
  return { sent, bad, stopped: bad > 0 && options.strict };
}

/** The server takes all events of a request or none: those that it names as bad are left out, and the rest is sent again. */
async function sendBatch(
  batch: readonly Pending[],
  before: number,
  options: SendOptions,
): Promise<{ readonly sent: number; readonly bad: number }> {
  let pending = batch;
  let bad = 0;
  while (pending.length > 0) {
    try {
      await post(
        options,
        pending.map(one => one.event),
      );
      return { sent: pending.length, bad };
    } catch (cause) {
      const refused = refusedEvents(cause);
      if (refused.size === 0) throw interrupted(cause, pending, before);
      for (const [index, reason] of refused) options.onBad({ line: pending[index]?.line ?? 0, reason });
      bad += refused.size;
      // In strict mode what stands before the first bad line may still go.
      const first = Math.min(...refused.keys());
      pending = pending.filter((_, index) => (options.strict ? index < first : !refused.has(index)));
    }
  }
  return { sent: 0, bad };
}

function post({ client, stream }: SendOptions, events: readonly EmitEvent[]): Promise<EmitAnswer> {
  return client.send<EmitAnswer>('POST', pathTo('events', { context: stream.context, stream: stream.name }), { events });
}

/** Positions in the request → reasons, where the server names them as `/events/<position>…`. */
function refusedEvents(cause: unknown): ReadonlyMap<number, string> {
  const refused = new Map<number, string>();
  if (!(cause instanceof ApiRefusal) || (cause.problem.status !== 422 && cause.problem.status !== 400)) return refused;
  for (const { at, message } of cause.problem.problems ?? []) {
    const position = /^\/events\/(\d+)(\/.*)?$/.exec(at ?? '');
    if (position !== null) refused.set(Number(position[1]), `${position[2] ?? ''} ${message}`.trim());
  }
  return refused;
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
