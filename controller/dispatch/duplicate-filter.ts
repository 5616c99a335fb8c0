import type { Seq } from '../ports/state.ts';
import { LateMap } from './late-map.ts';

/**
 * Drops repeated records of an upstream's outbox: one whose seq is not above the highest seen of its stream. It decides in offset order, also for
 * records that are done already, because it is stored at an offset: decided in the order of completion it loses events.
 */
export class DuplicateFilter {
  readonly #highSeqs: LateMap<string, Seq>;
  /** What was learned above the stored offset, ascending by offset. */
  #learned: { readonly offset: number; readonly stream: string; readonly seq: Seq }[] = [];

  constructor(highSeqs: ReadonlyMap<string, Seq>) {
    this.#highSeqs = new LateMap(highSeqs);
  }

  /** Whether the record is a repetition. Called once per record, in offset order. */
  isDuplicate(offset: number, stream: string, seq: Seq): boolean {
    const high = this.#highSeqs.get(stream);
    if (high !== undefined && !isAbove(seq, high)) return true;
    this.#highSeqs.set(stream, seq);
    this.#learned.push({ offset, stream, seq });
    return false;
  }

  /** The highest seq of each stream that was learned below this offset and is not stored yet. */
  changesBelow(offset: number): { stream: string; seq: Seq }[] {
    const changes = new Map<string, Seq>();
    for (const entry of this.#learned) {
      if (entry.offset >= offset) break;
      changes.set(entry.stream, entry.seq);
    }
    return [...changes].map(([stream, seq]) => ({ stream, seq }));
  }

  /** All below this offset is stored. */
  stored(offset: number): void {
    const first = this.#learned.findIndex(entry => entry.offset >= offset);
    if (first !== 0) this.#learned = first < 0 ? [] : this.#learned.slice(first);
  }
}

export function isAbove(a: Seq, b: Seq): boolean {
  return a.generation > b.generation || (a.generation === b.generation && a.counter > b.counter);
}
