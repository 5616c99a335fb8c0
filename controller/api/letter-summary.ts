import { packRecord } from '../../runtime/protocol/record.ts';
import { readAttributes } from '../dispatch/event-attributes.ts';
import { deadLetterTopicOf } from '../functions/live-function.ts';
import type { StateStore } from '../ports/state.ts';
import type { DeadLetterSummary } from './contract.ts';
import { type LyingLetter, replayId } from './dead-letter-page.ts';

/** What the id of a letter's replay is stored with when the letter was dropped; an answer of a handler is JSON, and never this. */
export const droppedMark = new TextEncoder().encode('dropped');

const text = new TextDecoder();

/** Letters, with what became of them. */
export async function summarise(
  state: Pick<StateStore, 'known'>,
  unit: string,
  letters: readonly LyingLetter[],
): Promise<DeadLetterSummary[]> {
  if (letters.length === 0) return [];
  const ids = letters.map(one => replayId(deadLetterTopicOf(unit), one));
  const known = new Map((await state.known(unit, ids)).map(one => [one.id, one.answer]));
  return letters.map((one, index) => {
    const id = ids[index] ?? '';
    const isDropped = Buffer.compare(known.get(id) ?? Buffer.alloc(0), droppedMark) === 0;
    return summaryOf(one, known.has(id) && !isDropped, isDropped);
  });
}

export function summaryOf({ id, letter }: LyingLetter, replayed: boolean, dropped: boolean): DeadLetterSummary {
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
    dropped,
  };
}
