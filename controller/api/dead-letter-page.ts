import { packRecord } from '../../runtime/protocol/record.ts';
import { type DeadLetter, parseDeadLetter } from '../dispatch/dead-letter.ts';
import { readAttributes } from '../dispatch/event-attributes.ts';
import type { StreamRecord, Streams } from '../ports/streams.ts';

/** A dead letter where it lies. */
export interface LyingLetter {
  /** `<partition>-<offset>` in the dead-letter topic. */
  readonly id: string;
  readonly partition: number;
  readonly offset: number;
  readonly letter: DeadLetter;
}

type Reads = Pick<Streams, 'bounds' | 'read'>;

/** Bytes read at once; the record that passes it is still answered. */
const readBytes = 4 * 2 ** 20;

/** Letters after `afterId`, by partition, then by offset: those of one key are in the order in which they failed. Foreign records are passed over. */
export async function readLetters(
  streams: Reads,
  topic: string,
  afterId: string | undefined,
  limit: number,
): Promise<readonly LyingLetter[]> {
  const after = afterId === undefined ? { partition: 0, offset: -1 } : parseLetterId(afterId);
  const letters: LyingLetter[] = [];
  for (const { partition, startOffset, endOffset } of await streams.bounds(topic)) {
    if (partition < after.partition) continue;
    const fromOffset = Math.max(startOffset, partition === after.partition ? after.offset + 1 : 0);
    const read = await readPartition(streams, topic, { partition, fromOffset, endOffset, limit: limit - letters.length });
    letters.push(...read.letters);
  }
  return letters;
}

interface PartitionPiece {
  readonly partition: number;
  readonly fromOffset: number;
  readonly endOffset: number;
  readonly limit: number;
}

/** Up to `limit` letters of one partition, and where to go on behind them. */
export async function readPartition(
  streams: Pick<Streams, 'read'>,
  topic: string,
  { partition, fromOffset, endOffset, limit }: PartitionPiece,
): Promise<{ readonly letters: readonly LyingLetter[]; readonly nextOffset: number }> {
  const letters: LyingLetter[] = [];
  let offset = fromOffset;
  while (offset < endOffset && letters.length < limit) {
    const { records, nextOffset } = await streams.read(topic, partition, offset, { records: limit - letters.length, bytes: readBytes });
    for (const record of records) letters.push(...lyingLetter(partition, record));
    if (nextOffset <= offset) break;
    offset = nextOffset;
  }
  return { letters, nextOffset: offset };
}

/** Undefined: there is none with this id, or retention has taken it. */
export async function readLetter(streams: Reads, topic: string, id: string): Promise<LyingLetter | undefined> {
  const { partition, offset } = parseLetterId(id);
  const bounds = (await streams.bounds(topic)).find(one => one.partition === partition);
  if (bounds === undefined || offset < bounds.startOffset || offset >= bounds.endOffset) return undefined;
  const { records } = await streams.read(topic, partition, offset, { records: 1, bytes: 1 });
  return records.flatMap(record => lyingLetter(partition, record)).find(one => one.id === id);
}

/** What tells the replay of this letter from every other: the letter's own place, so that replaying it twice is one event, handled once. */
export function replayToken(topic: string, letter: Pick<LyingLetter, 'partition' | 'offset'>): string {
  return `${topic}/${letter.partition}/${letter.offset}`;
}

/** The id under which the dispatcher remembers that this replay was handled. */
export function replayId(topic: string, lying: LyingLetter): string {
  return `${readAttributes(packRecord(lying.letter)).id ?? ''}#${replayToken(topic, lying)}`;
}

function lyingLetter(partition: number, record: StreamRecord): readonly LyingLetter[] {
  const letter = parseDeadLetter(record);
  return letter === undefined ? [] : [{ id: `${partition}-${record.offset}`, partition, offset: record.offset, letter }];
}

/** The contract's pattern has checked the form. */
function parseLetterId(id: string): { readonly partition: number; readonly offset: number } {
  const [partition, offset] = id.split('-').map(Number);
  return { partition: partition ?? 0, offset: offset ?? 0 };
}
