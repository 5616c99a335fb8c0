import { packRecord } from '../../runtime/protocol/record.ts';
import { readAttributes } from '../dispatch/event-attributes.ts';
import { FaasError } from '../errors.ts';
import { deadLetterTopicOf } from '../functions/live-function.ts';
import type { ApiPorts } from './api-ports.ts';
import {
  DeadLetterAnswer,
  DeadLetterParams,
  type DeadLetterSummary,
  DeadLettersAnswer,
  DeadLettersQuery,
  FunctionParams,
  ReplayAnswer,
  ReplayRequest,
} from './contract.ts';
import { type LyingLetter, readLetter, readLetters, replayId } from './dead-letter-page.ts';
import { findFunction } from './find-unit.ts';
import { boundsOf } from './function-backlog.ts';
import { replayAll, replayChosen } from './replay-letters.ts';
import { defineRoute, type Route } from './route.ts';

const tag = 'dead letters';

/** What a function could not handle: to be looked at, and sent back to it. */
export function deadLetterRoutes(ports: ApiPorts): readonly Route[] {
  const list = defineRoute({
    method: 'GET',
    path: 'deadLetters',
    tag,
    summary: "A function's dead letters",
    params: FunctionParams,
    query: DeadLettersQuery,
    answer: DeadLettersAnswer,
    handle: async ({ params, query: { after, limit = 100 } }) => {
      const { unit } = await findFunction(ports.registry, params);
      const topic = deadLetterTopicOf(unit);
      const bounds = await boundsOf(ports, topic);
      const found = bounds.length === 0 ? [] : await readLetters(ports.streams, topic, after, limit + 1);
      const page = found.slice(0, limit);
      const last = page.at(-1);
      return {
        deadLetters: await summaries(ports, unit, page),
        total: bounds.reduce((sum, one) => sum + one.endOffset - one.startOffset, 0),
        ...(found.length > limit && last && { next: last.id }),
      };
    },
  });
  const show = defineRoute({
    method: 'GET',
    path: 'deadLetter',
    tag,
    summary: 'One dead letter, with payload, headers and the stack of its error',
    params: DeadLetterParams,
    answer: DeadLetterAnswer,
    handle: async ({ params }) => {
      const { unit } = await findFunction(ports.registry, params);
      const topic = deadLetterTopicOf(unit);
      const found = (await boundsOf(ports, topic)).length === 0 ? undefined : await readLetter(ports.streams, topic, params.id);
      if (found === undefined) {
        throw new FaasError('FAAS_DEAD_LETTER_UNKNOWN', `${unit} has no dead letter ${params.id}`, 'List them with "faas dlq list".');
      }
      const [summary] = await summaries(ports, unit, [found]);
      return { ...(summary ?? summaryOf(found, false)), ...payloadOf(found), headers: headersOf(found) };
    },
  });
  return [list, show, replayRoute(ports)];
}

function replayRoute(ports: ApiPorts): Route {
  return defineRoute({
    method: 'POST',
    path: 'replay',
    tag,
    summary: 'Appends dead letters to the inbox of their function again, in order; each is handled once, however often it is replayed',
    params: FunctionParams,
    body: ReplayRequest,
    answer: ReplayAnswer,
    handle: async ({ params, body }) => {
      const { unit } = await findFunction(ports.registry, params);
      return 'ids' in body ? replayChosen(ports, unit, body.ids) : replayAll(ports, unit);
    },
  });
}

async function summaries(ports: ApiPorts, unit: string, page: readonly LyingLetter[]): Promise<DeadLetterSummary[]> {
  if (page.length === 0) return [];
  const ids = page.map(one => replayId(deadLetterTopicOf(unit), one));
  const known = new Set((await ports.state.known(unit, ids)).map(one => one.id));
  return page.map((one, index) => summaryOf(one, known.has(ids[index] ?? '')));
}

const text = new TextDecoder();

function summaryOf({ id, letter }: LyingLetter, replayed: boolean): DeadLetterSummary {
  const { origin, error } = letter;
  return {
    id,
    atMs: letter.failedAtMs,
    eventId: readAttributes(packRecord(letter)).id ?? `${origin.topic}/${origin.partition}/${origin.offset}`,
    key: letter.key === null ? null : text.decode(letter.key),
    reason: letter.reason,
    error: { code: error.code, name: error.name, message: error.message, ...(error.stack !== undefined && { stack: error.stack }) },
    attempts: letter.attempts,
    revision: letter.revision,
    origin: { topic: origin.topic, partition: origin.partition, offset: origin.offset },
    replayed,
  };
}

function payloadOf({ letter: { value } }: LyingLetter): Pick<DeadLetterAnswer, 'value' | 'valueBase64'> {
  if (value === null) return {};
  try {
    return { value: new TextDecoder('utf-8', { fatal: true }).decode(value) };
  } catch {
    return { valueBase64: Buffer.from(value).toString('base64') };
  }
}

function headersOf({ letter }: LyingLetter): DeadLetterAnswer['headers'] {
  return letter.headers.map(([name, value]) => ({ name, value: text.decode(value) }));
}
