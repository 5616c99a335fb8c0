import { type FetchedPart, type FetchPart, keyOf } from './fetch-request.ts';

/** Somebody waits for records of a partition from an offset on. */
export interface Want extends FetchPart {
  readonly by: Waiting;
}

/** There are thousands, each with one want at a time. */
export interface Waiting {
  /** Something is there, or the offset has passed something. Others may be given the same records. */
  done(part: FetchedPart): void;
  /** It cannot be fetched: out of range, or a format that cannot be read. */
  failed(error: unknown): void;
}

/** What one request asks for, and for whom. */
export interface Asked {
  readonly parts: readonly FetchPart[];
  readonly byPartition: ReadonlyMap<string, readonly Want[]>;
  /** All in the lane when it was made. */
  readonly wants: readonly Want[];
  /** Some of them are not asked for. */
  readonly leavesOut: boolean;
}

/** Wants that are asked for together, in their order. What is asked is made once for as long as they are the same: thousands wait for a second at a time, again and again. */
export class FetchLane {
  readonly #wants = new Set<Want>();
  #asked: Asked | undefined;

  get size(): number {
    return this.#wants.size;
  }

  has(want: Want): boolean {
    return this.#wants.has(want);
  }

  add(want: Want): void {
    this.#wants.add(want);
    this.#asked = undefined;
  }

  delete(want: Want): boolean {
    const isDeleted = this.#wants.delete(want);
    if (isDeleted) this.#asked = undefined;
    return isDeleted;
  }

  asked(): Asked {
    this.#asked ??= askedOf([...this.#wants]);
    return this.#asked;
  }

  /** For those who were asked for, and are still here, there was nothing: whoever wants a partition from another offset on is asked for before. */
  moveLast({ byPartition, leavesOut }: Asked): void {
    if (!leavesOut) return;
    for (const group of byPartition.values()) for (const want of group) if (this.delete(want)) this.add(want);
  }

  /** First in the next request: only the first part is answered whatever its size. */
  setFirst(first: Want): void {
    const others = [...this.#wants];
    this.#wants.clear();
    this.add(first);
    for (const want of others) this.add(want);
  }
}

/** By partition, those who want the same; a request names a partition once, so that who wants it from another offset on is asked for in another one. */
function askedOf(wants: readonly Want[]): Asked {
  const byPartition = new Map<string, Want[]>();
  const parts: FetchPart[] = [];
  let leavesOut = false;
  for (const want of wants) {
    const key = keyOf(want.topic, want.partition);
    const others = byPartition.get(key);
    if (others === undefined) {
      byPartition.set(key, [want]);
      parts.push(want);
    } else if (others[0]?.offset === want.offset && others[0].topicId === want.topicId) others.push(want);
    else leavesOut = true;
  }
  return { parts, byPartition, wants, leavesOut };
}
