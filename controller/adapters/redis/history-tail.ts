import type { HistoryEntry } from '../../ports/history.ts';

/** The stream behind one kind of history. */
export interface TailSource {
  lastId(): Promise<number>;
  /** The next entries, oldest first; empty: there are no more. */
  after(id: number): Promise<readonly HistoryEntry[]>;
}

/** Hands what comes to the end of a stream to those who follow it, each entry once and in order. Reads nothing while nobody does. */
export class HistoryTail {
  readonly #source: TailSource;
  readonly #followers = new Set<{ readonly afterId: number; readonly onEntry: (entry: HistoryEntry) => void }>();
  /** Up to here everything was handed on; undefined: nobody follows. */
  #position: Promise<number> | undefined;
  #pulling: Promise<void> = Promise.resolve();

  constructor(source: TailSource) {
    this.#source = source;
  }

  /** What is written from now on: neither what is there nor, of this process, what has an id up to `writtenId` and is on its way. The answer ends it, once. */
  follow(writtenId: number, onEntry: (entry: HistoryEntry) => void): () => boolean {
    const follower = { afterId: writtenId, onEntry };
    this.#followers.add(follower);
    this.#position ??= this.#source.lastId();
    this.#position.catch(() => {
      this.#position = undefined;
    });
    return () => {
      const was = this.#followers.delete(follower);
      if (this.#followers.size === 0) this.#position = undefined;
      return was;
    };
  }

  /** Never rejects: what cannot be read now is read with what comes next. */
  pull(): Promise<void> {
    if (this.#followers.size > 0) this.#pulling = this.#pulling.then(() => this.#read()).catch(() => {});
    return this.#pulling;
  }

  async #read(): Promise<void> {
    while (this.#followers.size > 0) {
      this.#position ??= this.#source.lastId();
      const position = await this.#position;
      const entries = await this.#source.after(position);
      const last = entries.at(-1);
      if (last === undefined || this.#position === undefined) return;
      this.#position = Promise.resolve(last.id);
      for (const entry of entries) for (const { afterId, onEntry } of this.#followers) if (entry.id > afterId) onEntry(entry);
    }
  }
}
