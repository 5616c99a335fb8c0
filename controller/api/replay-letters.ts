import { replayRecord } from '../dispatch/dead-letter.ts';
import { deadLetterTopicOf, inboxTopicOf } from '../functions/live-function.ts';
import type { LetterSelection, ReplayAnswer } from './contract.ts';
import { replayToken } from './dead-letter-page.ts';
import { eachLetter, type LetterPorts, requireInbox } from './select-letters.ts';

/**
 * Appends letters to the inbox, in the order in which they lie. Nothing is marked at the letter: its replay has an id of its own, made of the place
 * where it lies, which the function's commit remembers for the setting `dedupe.window`. What that window knows is left alone here, and dropped there
 * if two replays raced or one was cut off: each of them appends in order, so what comes first of each letter is in order as well.
 */
export async function replayLetters(ports: LetterPorts, unit: string, selection: LetterSelection): Promise<ReplayAnswer> {
  const answer: ReplayAnswer = { replayed: [], known: [], missing: [] };
  const topic = deadLetterTopicOf(unit);
  const missing = await eachLetter(ports, unit, selection, async page => {
    const due = page.filter(({ summary }) => !summary.replayed && !summary.dropped);
    const known = page.filter(({ summary }) => summary.replayed || summary.dropped);
    answer.known.push(...known.map(({ summary }) => summary.id));
    if (due.length === 0) return;
    const inbox = requireInbox(await ports.streams.describeTopic(inboxTopicOf(unit)), unit);
    const records = due.map(({ lying }) => replayRecord(lying.letter, replayToken(topic, lying), inbox.partitions));
    await ports.streams.append(inbox.topic, records);
    answer.replayed.push(...due.map(({ summary }) => summary.id));
  });
  return { ...answer, missing: [...missing] };
}
