import type { BatchState, OkOutcome } from '../protocol/messages.ts';

/** A key's value before an event's own writes. The version is the store's, or `@<index>` of the event of this batch that wrote it. */
export interface StateBase {
  readonly version: string | null;
  readonly value: Uint8Array | undefined;
}

/** The state that one batch sees: what came with it, what was read since, and what its finished events wrote. */
export class BatchStateView {
  readonly #stored = new Map<string, StateBase>();
  readonly #written = new Map<string, StateBase>();
  #writeCount = 0;
  readonly #read: (key: string) => Promise<BatchState>;

  constructor(prefetched: readonly BatchState[], read: (key: string) => Promise<BatchState>) {
    this.#read = read;
    for (const state of prefetched) this.#stored.set(state.key, state);
  }

  /** At once for what is known, else by asking the store; what was asked for once is not asked again. */
  base(key: string): StateBase | Promise<StateBase> {
    return this.#written.get(key) ?? this.#stored.get(key) ?? this.#fetch(key);
  }

  /** From now on later events of the batch see these writes. */
  apply(index: number, writes: OkOutcome['writes']): void {
    for (const { key, value } of writes) this.#written.set(key, { version: `@${index}`, value: value ?? undefined });
  }

  /** Numbers the writes of a `batch` call. */
  nextWrite(): number {
    this.#writeCount += 1;
    return this.#writeCount;
  }

  async #fetch(key: string): Promise<StateBase> {
    const state = await this.#read(key);
    this.#stored.set(key, state);
    return this.#written.get(key) ?? state;
  }
}
