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
    this.#head += 1;
    if (this.#head > 1_024 && this.#head * 2 > this.#items.length) this.#compact();
    return item;
  }

  /** Puts items before all others, keeping their order. */
  unshift(items: readonly T[]): void {
    if (items.length > 0) this.#replace([...items, ...this]);
  }

  /** The first `count` items, removed. */
  take(count: number): T[] {
    const taken: T[] = [];
    while (taken.length < count && this.length > 0) {
      const item = this.shift();
      if (item !== undefined) taken.push(item);
    }
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

  #compact(): void {
    this.#items.splice(0, this.#head);
    this.#head = 0;
  }
}
