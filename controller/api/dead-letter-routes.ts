import { FaasError } from '../errors.ts';
import { deadLetterTopicOf } from '../functions/live-function.ts';
import type { ApiPorts } from './api-ports.ts';
import {
  DeadLetterAnswer,
  DeadLetterParams,
  DeadLettersAnswer,
  DeadLettersQuery,
  DropAnswer,
  FunctionParams,
  LetterSelection,
  ReplayAnswer,
} from './contract.ts';
import { type LyingLetter, readLetter } from './dead-letter-page.ts';
import { dropLetters } from './drop-letters.ts';
import { findFunction } from './find-unit.ts';
import { boundsOf } from './function-backlog.ts';
import { summarise, summaryOf } from './letter-summary.ts';
import { replayLetters } from './replay-letters.ts';
import { defineRoute, type Route } from './route.ts';
import { letterPage } from './select-letters.ts';

const tag = 'dead letters';

/** What a function could not handle: to be looked at, sent back to it, or given up. */
export function deadLetterRoutes(ports: ApiPorts): readonly Route[] {
  return [listRoute(ports), showRoute(ports), ...changeRoutes(ports)];
}

function listRoute(ports: ApiPorts): Route {
  return defineRoute({
    method: 'GET',
    path: 'deadLetters',
    tag,
    summary: "A function's dead letters",
    params: FunctionParams,
    query: DeadLettersQuery,
    answer: DeadLettersAnswer,
    handle: async ({ params, query: { after, limit = 100, where } }) => {
      const { unit } = await findFunction(ports.registry, params);
      const bounds = await boundsOf(ports, deadLetterTopicOf(unit));
      const page = bounds.length === 0 ? undefined : await letterPage(ports, unit, { after, limit, where });
      return {
        deadLetters: (page?.letters ?? []).map(({ summary }) => summary),
        total: bounds.reduce((sum, one) => sum + one.endOffset - one.startOffset, 0),
        ...(page?.next !== undefined && { next: page.next }),
      };
    },
  });
}

function showRoute(ports: ApiPorts): Route {
  return defineRoute({
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
      const [summary] = await summarise(ports.state, unit, [found]);
      return { ...(summary ?? summaryOf(found, false, false)), ...payloadOf(found), headers: headersOf(found) };
    },
  });
}

function changeRoutes(ports: ApiPorts): readonly Route[] {
  const replay = defineRoute({
    method: 'POST',
    path: 'replay',
    tag,
    summary: 'Appends dead letters to the inbox of their function again, in order; each is handled once, however often it is replayed',
    params: FunctionParams,
    body: LetterSelection,
    answer: ReplayAnswer,
    handle: async ({ params, body }) => replayLetters(ports, (await findFunction(ports.registry, params)).unit, body),
  });
  const drop = defineRoute({
    method: 'POST',
    path: 'drop',
    tag,
    summary: 'Gives dead letters up for good: they are never replayed',
    params: FunctionParams,
    body: LetterSelection,
    answer: DropAnswer,
    handle: async ({ params, body }) => dropLetters(ports, (await findFunction(ports.registry, params)).unit, body),
  });
  return [replay, drop];
}

const text = new TextDecoder();

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
