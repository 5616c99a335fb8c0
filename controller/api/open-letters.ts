import { deadLetterTopicOf } from '../functions/live-function.ts';
import type { StateStore } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import { readPartition, replayId } from './dead-letter-page.ts';
import { boundsOf } from './function-backlog.ts';

interface OpenLettersPorts {
  readonly streams: Pick<Streams, 'describeTopic' | 'bounds' | 'read'>;
  readonly state: Pick<StateStore, 'known'>;
}

/** Letters of a function that are looked at one by one: where so many are open, the next ones count as open unread. */
const watchedMax = 2_000;
/** Letters read in one turn; the next turn goes on behind them. */
const readMax = 500;
const idsPerQuestion = 500;

interface OpenLetter {
  readonly partition: number;
  readonly offset: number;
  readonly replayId: string;
}

interface Seen {
  open: readonly OpenLetter[];
  /** How far each partition was read. */
  readonly nextOffsets: Map<number, number>;
}

/** How many dead letters were neither replayed nor dropped yet: what somebody still has to look at. */
export class OpenLetters {
  readonly #ports: OpenLettersPorts;
  readonly #seen = new Map<string, Seen>();

  constructor(ports: OpenLettersPorts) {
    this.#ports = ports;
  }

  /** Reads what is new since the last count. Of more letters than can be read in a turn, the unread ones count as open. */
  async count(unit: string): Promise<number> {
    const topic = deadLetterTopicOf(unit);
    const bounds = await boundsOf(this.#ports, topic);
    if (bounds.every(one => one.startOffset === one.endOffset)) {
      this.#seen.delete(unit);
      return 0;
    }
    const seen = this.#seen.get(unit) ?? { open: [], nextOffsets: new Map<number, number>() };
    this.#seen.set(unit, seen);
    const found: OpenLetter[] = [];
    let unread = 0;
    for (const { partition, startOffset, endOffset } of bounds) {
      const fromOffset = Math.max(startOffset, seen.nextOffsets.get(partition) ?? 0);
      const limit = Math.min(readMax, watchedMax - seen.open.length) - found.length;
      const { letters, nextOffset } = await readPartition(this.#ports.streams, topic, { partition, fromOffset, endOffset, limit });
      for (const one of letters) found.push({ partition, offset: one.offset, replayId: replayId(topic, one) });
      seen.nextOffsets.set(partition, nextOffset);
      unread += Math.max(0, endOffset - nextOffset);
    }
    const starts = new Map(bounds.map(one => [one.partition, one.startOffset]));
    const kept = seen.open.filter(one => one.offset >= (starts.get(one.partition) ?? 0));
    seen.open = await this.#stillOpen(unit, [...kept, ...found]);
    return seen.open.length + unread;
  }

  async #stillOpen(unit: string, letters: readonly OpenLetter[]): Promise<readonly OpenLetter[]> {
    const settled = new Set<string>();
    for (let at = 0; at < letters.length; at += idsPerQuestion) {
      const ids = letters.slice(at, at + idsPerQuestion).map(one => one.replayId);
      for (const { id } of await this.#ports.state.known(unit, ids)) settled.add(id);
    }
    return letters.filter(one => !settled.has(one.replayId));
  }

  keepOnly(units: ReadonlySet<string>): void {
    for (const unit of this.#seen.keys()) if (!units.has(unit)) this.#seen.delete(unit);
  }
}
