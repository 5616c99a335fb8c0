import { replayRecord } from '../dispatch/dead-letter.ts';
import { FaasError } from '../errors.ts';
import { deadLetterTopicOf, inboxTopicOf } from '../functions/live-function.ts';
import type { ApiPorts } from './api-ports.ts';
import type { ReplayAnswer } from './contract.ts';
import { type LyingLetter, readLetter, readLetters, replayId, replayToken } from './dead-letter-page.ts';

type Ports = Pick<ApiPorts, 'streams' | 'state'>;

/** Letters read, looked up and appended at a time: bounds the memory of a replay of any length. */
const pageSize = 500;

/** Those of `ids` that are there, in the order in which they lie whatever the order of the ids: one key's events stay in order. */
export async function replayChosen(ports: Ports, unit: string, ids: readonly string[]): Promise<ReplayAnswer> {
  const topic = deadLetterTopicOf(unit);
  const isThere = (await ports.streams.describeTopic(topic)) !== undefined;
  const found: LyingLetter[] = [];
  const missing: string[] = [];
  for (const id of new Set(ids)) {
    const letter = isThere ? await readLetter(ports.streams, topic, id) : undefined;
    if (letter === undefined) missing.push(id);
    else found.push(letter);
  }
  found.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  return { ...(await replay(ports, unit, found)), missing };
}

export async function replayAll(ports: Ports, unit: string): Promise<ReplayAnswer> {
  const topic = deadLetterTopicOf(unit);
  const answer: ReplayAnswer = { replayed: [], known: [], missing: [] };
  if ((await ports.streams.describeTopic(topic)) === undefined) return answer;
  // Letters that fail again while we replay are behind these ends: they wait for the next time.
  const ends = new Map((await ports.streams.bounds(topic)).map(one => [one.partition, one.endOffset]));
  for (let after: string | undefined; ; ) {
    const page = await readLetters(ports.streams, topic, after, pageSize);
    const due = page.filter(one => one.offset < (ends.get(one.partition) ?? 0));
    const { replayed, known } = await replay(ports, unit, due);
    answer.replayed.push(...replayed);
    answer.known.push(...known);
    after = page.at(-1)?.id;
    if (page.length < pageSize || after === undefined) return answer;
  }
}

/**
 * Appends letters to the inbox. Nothing is marked at the letter: its replay has an id of its own, made of the place where it lies, which the
 * function's commit remembers for the setting `dedupe.window`. What that window knows is left alone here, and dropped there if two
 * replays raced.
 */
async function replay(ports: Ports, unit: string, letters: readonly LyingLetter[]): Promise<Pick<ReplayAnswer, 'replayed' | 'known'>> {
  if (letters.length === 0) return { replayed: [], known: [] };
  const inbox = await ports.streams.describeTopic(inboxTopicOf(unit));
  if (inbox === undefined) throw new FaasError('FAAS_STREAM_UNKNOWN_TOPIC', `${unit} has no inbox`, 'Deploy its context again.');
  const topic = deadLetterTopicOf(unit);
  const handled = new Set(
    (
      await ports.state.known(
        unit,
        letters.map(one => replayId(topic, one)),
      )
    ).map(one => one.id),
  );
  const due = letters.filter(one => !handled.has(replayId(topic, one)));
  const records = due.map(one => replayRecord(one.letter, replayToken(topic, one), inbox.partitions));
  if (records.length > 0) await ports.streams.append(inbox.topic, records);
  const known = letters.filter(one => handled.has(replayId(topic, one)));
  return { replayed: due.map(one => one.id), known: known.map(one => one.id) };
}
