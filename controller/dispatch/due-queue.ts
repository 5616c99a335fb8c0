/** What waits for a moment, earliest first: a binary heap. */
export class DueQueue<T> {
  readonly #heap: { readonly dueAtMs: number; readonly item: T }[] = [];

  get length(): number {
    return this.#heap.length;
  }

  /** When the first one is due; undefined when nothing waits. */
  get nextAtMs(): number | undefined {
    return this.#heap[0]?.dueAtMs;
  }

  add(dueAtMs: number, item: T): void {
    const heap = this.#heap;
    heap.push({ dueAtMs, item });
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#dueAt(parent) <= this.#dueAt(at)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** Removes and answers one item that is due. */
  takeDue(nowMs: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.dueAtMs > nowMs) return undefined;
    const last = this.#heap.pop();
    if (last !== undefined && last !== first) {
      this.#heap[0] = last;
      this.#sink();
    }
    return first.item;
  }

  #sink(): void {
    let at = 0;
    while (true) {
      const left = 2 * at + 1;
      const right = left + 1;
      let smallest = at;
      if (this.#dueAt(left) < this.#dueAt(smallest)) smallest = left;
      if (this.#dueAt(right) < this.#dueAt(smallest)) smallest = right;
      if (smallest === at) return;
      this.#swap(at, smallest);
      at = smallest;
    }
  }

  #dueAt(index: number): number {
    return this.#heap[index]?.dueAtMs ?? Number.POSITIVE_INFINITY;
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#heap[a], this.#heap[b]];
    if (first === undefined || second === undefined) return;
    this.#heap[a] = second;
    this.#heap[b] = first;
  }
}
