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
  readonly open: readonly OpenLetter[];
  /** How far each partition was read. */
  readonly nextOffsets: ReadonlyMap<number, number>;
}

const nothingSeen: Seen = { open: [], nextOffsets: new Map() };

/** How many dead letters were neither replayed nor dropped yet: what somebody still has to look at. */
export class OpenLetters {
  readonly #ports: OpenLettersPorts;
  readonly #seen = new Map<string, Seen>();
  readonly #counting = new Map<string, Promise<number>>();

  constructor(ports: OpenLettersPorts) {
    this.#ports = ports;
  }

  /**
   * Reads what is new since the last count. Of more letters than can be read in a turn, the unread ones count as open. Who asks while a turn is under way gets its answer.
   * Throws what the log and the store throw; what was read in such a turn is read again in the next one.
   */
  count(unit: string): Promise<number> {
    const underWay = this.#counting.get(unit);
    if (underWay !== undefined) return underWay;
    const counting = this.#count(unit).finally(() => this.#counting.delete(unit));
    this.#counting.set(unit, counting);
    return counting;
  }

  async #count(unit: string): Promise<number> {
    const topic = deadLetterTopicOf(unit);
    const bounds = await boundsOf(this.#ports, topic);
    if (bounds.every(one => one.startOffset === one.endOffset)) {
      this.#seen.delete(unit);
      return 0;
    }
    const seen = this.#seen.get(unit) ?? nothingSeen;
    const nextOffsets = new Map(seen.nextOffsets);
    const found: OpenLetter[] = [];
    let unread = 0;
    for (const { partition, startOffset, endOffset } of bounds) {
      const fromOffset = Math.max(startOffset, nextOffsets.get(partition) ?? 0);
      const limit = Math.min(readMax, watchedMax - seen.open.length) - found.length;
      const { letters, nextOffset } = await readPartition(this.#ports.streams, topic, { partition, fromOffset, endOffset, limit });
      for (const one of letters) found.push({ partition, offset: one.offset, replayId: replayId(topic, one) });
      nextOffsets.set(partition, nextOffset);
      unread += Math.max(0, endOffset - nextOffset);
    }
    const starts = new Map(bounds.map(one => [one.partition, one.startOffset]));
    const kept = seen.open.filter(one => one.offset >= (starts.get(one.partition) ?? 0));
    const open = await this.#stillOpen(unit, [...kept, ...found]);
    this.#seen.set(unit, { open, nextOffsets });
    return open.length + unread;
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
