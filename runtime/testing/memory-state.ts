import { decodeUtf8, encodeUtf8, parseJson } from '../protocol/intrinsics.ts';
import type { BatchState, OkOutcome } from '../protocol/messages.ts';
import type { Json } from '../sdk/context.ts';

/** The function's state while a test runs: what was given, and what the events that succeeded wrote. */
export class MemoryState {
  readonly #values = new Map<string, { readonly value: Uint8Array; readonly version: string }>();
  #writes = 0;

  constructor(initial: Readonly<Record<string, unknown>>) {
    for (const [key, value] of Object.entries(initial)) this.#set(key, encodeUtf8(JSON.stringify(value)));
  }

  read(keys: readonly string[]): readonly BatchState[] {
    return keys.map(key => {
      const found = this.#values.get(key);
      return { key, version: found?.version ?? null, value: found?.value };
    });
  }

  apply(writes: OkOutcome['writes']): void {
    for (const { key, value } of writes) {
      if (value === null) this.#values.delete(key);
      else this.#set(key, value);
    }
  }

  all<State>(): Readonly<Record<string, State>> {
    return Object.fromEntries([...this.#values].map(([key, { value }]) => [key, parseJson(decodeUtf8(value)) as State & Json]));
  }

  #set(key: string, value: Uint8Array): void {
    this.#writes += 1;
    this.#values.set(key, { value, version: `test:${this.#writes}` });
  }
}
