/** A queue with cheap ends: an array with a moving head. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  /** The item so many places behind the first. */
  at(place: number): T | undefined {
    return this.#items[this.#head + place];
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (this.#head >= this.#items.length) return undefined;
    this.#items[this.#head] = undefined;
    this.#moveHead(this.#head + 1);
    return item;
  }

  /** Puts items before all others, keeping their order. */
  unshift(items: readonly T[]): void {
    if (items.length > 0) this.#replace([...items, ...this]);
  }

  /** The first `count` items, removed. */
  take(count: number): T[] {
    const end = Math.min(this.#head + count, this.#items.length);
    const taken = this.#items.slice(this.#head, end) as T[];
    this.#items.fill(undefined, this.#head, end);
    this.#moveHead(end);
    return taken;
  }

  keep(wanted: (item: T) => boolean): void {
    this.#replace([...this].filter(wanted));
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = this.#head; i < this.#items.length; i += 1) {
      const item = this.#items[i];
      if (item !== undefined) yield item;
    }
  }

  #replace(items: T[]): void {
    this.#items = items;
    this.#head = 0;
  }

  /** What lies before it is let go of now and then. */
  #moveHead(head: number): void {
    this.#head = head;
    if (head <= 1_024 || head * 2 <= this.#items.length) return;
    this.#items.splice(0, head);
    this.#head = 0;
  }
}
