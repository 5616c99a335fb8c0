import { FaasError } from '../errors.ts';
import { deadLetterTopicOf } from '../functions/live-function.ts';
import type { ApiPorts } from './api-ports.ts';
import type { DeadLetterSummary, LetterSelection } from './contract.ts';
import { type LyingLetter, readLetter, readLetters } from './dead-letter-page.ts';
import { type LetterFilter, parseLetterFilter } from './letter-filter.ts';
import { summarise } from './letter-summary.ts';

export type LetterPorts = Pick<ApiPorts, 'streams' | 'state' | 'clock'>;

export interface SelectedLetter {
  readonly lying: LyingLetter;
  readonly summary: DeadLetterSummary;
}

/** Letters read and looked up at a time: bounds the memory of a selection of any length. */
const pageSize = 500;

/**
 * Hands over the letters that are meant, page by page, by partition and offset, so that one key's stay in order. Letters that come while this runs
 * are not among them. Answers the ids that are not there.
 */
export async function eachLetter(
  ports: LetterPorts,
  unit: string,
  selection: LetterSelection,
  take: (page: readonly SelectedLetter[]) => Promise<void>,
): Promise<readonly string[]> {
  const topic = deadLetterTopicOf(unit);
  const isThere = (await ports.streams.describeTopic(topic)) !== undefined;
  if ('ids' in selection) return eachChosen(ports, unit, isThere ? topic : undefined, selection.ids, take);
  const filter = 'where' in selection ? parseLetterFilter(selection.where) : undefined;
  if (!isThere) return [];
  const ends = new Map((await ports.streams.bounds(topic)).map(one => [one.partition, one.endOffset]));
  for (let after: string | undefined; ; ) {
    const page = await readLetters(ports.streams, topic, after, pageSize);
    const due = page.filter(one => one.offset < (ends.get(one.partition) ?? 0));
    await take(await selected(ports, unit, due, filter));
    after = page.at(-1)?.id;
    if (page.length < pageSize || after === undefined) return [];
  }
}

/** Up to `limit` letters behind `after` that pass the filter; `next` where there may be more. */
export async function letterPage(
  ports: LetterPorts,
  unit: string,
  { after, limit, where }: { readonly after: string | undefined; readonly limit: number; readonly where: string | undefined },
): Promise<{ readonly letters: readonly SelectedLetter[]; readonly next: string | undefined }> {
  const filter = where === undefined ? undefined : parseLetterFilter(where);
  const letters: SelectedLetter[] = [];
  for (let from = after; ; ) {
    const wanted = filter === undefined ? limit + 1 - letters.length : pageSize;
    const page = await readLetters(ports.streams, deadLetterTopicOf(unit), from, wanted);
    letters.push(...(await selected(ports, unit, page, filter)));
    from = page.at(-1)?.id;
    if (letters.length > limit) return { letters: letters.slice(0, limit), next: letters[limit - 1]?.summary.id };
    if (page.length < wanted || from === undefined) return { letters, next: undefined };
  }
}

async function eachChosen(
  ports: LetterPorts,
  unit: string,
  topic: string | undefined,
  ids: readonly string[],
  take: (page: readonly SelectedLetter[]) => Promise<void>,
): Promise<readonly string[]> {
  const found: LyingLetter[] = [];
  const missing: string[] = [];
  for (const id of new Set(ids)) {
    const letter = topic === undefined ? undefined : await readLetter(ports.streams, topic, id);
    if (letter === undefined) missing.push(id);
    else found.push(letter);
  }
  found.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  await take(await selected(ports, unit, found, undefined));
  return missing;
}

async function selected(
  { state, clock }: LetterPorts,
  unit: string,
  letters: readonly LyingLetter[],
  filter: LetterFilter | undefined,
): Promise<SelectedLetter[]> {
  const summaries = await summarise(state, unit, letters);
  const nowMs = clock.now();
  return letters.flatMap((lying, index) => {
    const summary = summaries[index];
    return summary === undefined || filter?.(summary, nowMs) === false ? [] : [{ lying, summary }];
  });
}

export function requireInbox<T>(inbox: T | undefined, unit: string): T {
  if (inbox === undefined) throw new FaasError('FAAS_STREAM_UNKNOWN_TOPIC', `${unit} has no inbox`, 'Deploy its context again.');
  return inbox;
}
