/** So many entries are found faster one after the other than by their hash. */
const smallMax = 8;

/** Shared, never pushed to: an empty array that is pushed to takes room for seventeen. */
const none: never[] = [];

/** A map of mostly one or two entries, in the order in which they came: two arrays until there are more. Made for every event, where a Map costs the most. */
export class SmallMap<Value> {
  #keys: string[] = none;
  #values: Value[] = none;
  #index: Map<string, number> | undefined;

  get(key: string): Value | undefined {
    const at = this.#at(key);
    return at < 0 ? undefined : this.#values[at];
  }

  set(key: string, value: Value): void {
    const at = this.#at(key);
    if (at >= 0) {
      this.#values[at] = value;
      return;
    }
    if (this.#keys.length === 0) {
      this.#keys = [key];
      this.#values = [value];
      return;
    }
    this.#keys.push(key);
    this.#values.push(value);
    if (this.#index !== undefined) this.#index.set(key, this.#keys.length - 1);
    else if (this.#keys.length > smallMax) this.#index = this.#indexed();
  }

  delete(key: string): void {
    const at = this.#at(key);
    if (at < 0) return;
    this.#keys.splice(at, 1);
    this.#values.splice(at, 1);
    if (this.#index !== undefined) this.#index = this.#indexed();
  }

  map<Result>(take: (key: string, value: Value) => Result): Result[] {
    return this.#keys.map((key, at) => take(key, this.#values[at] as Value));
  }

  #at(key: string): number {
    if (this.#index !== undefined) return this.#index.get(key) ?? -1;
    for (let i = 0; i < this.#keys.length; i += 1) if (this.#keys[i] === key) return i;
    return -1;
  }

  #indexed(): Map<string, number> {
    return new Map(this.#keys.map((key, at) => [key, at]));
  }
}
