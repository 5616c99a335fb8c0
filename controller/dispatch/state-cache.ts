import type { BatchState } from '../../runtime/protocol/messages.ts';
import type { CommitRequest, CommitResult } from '../ports/state.ts';

/** What the cache of one function holds at most; the keys that came first go first. */
const keysMax = 16_384;
const bytesMax = 8 * 2 ** 20;
/** Larger values are read when they are needed. */
const valueBytesMax = 16 * 1_024;
const keyOverheadBytes = 200;
const contestedMax = 4_096;

interface Entry {
  readonly key: string;
  version: string | null;
  value: Uint8Array | undefined;
}

/**
 * State of one function as its commits and reads here have last seen it, so that a batch needs no read. It may be old: another partition, gateway or
 * server may have written since. That costs a run and nothing else, because a commit checks the version of every key that was read; a key of which
 * that has happened is read from the store from then on.
 */
export class StateCache {
  /** In the order in which they came, changed in place: a Map that is added to and deleted from all the time keeps what it had alive. */
  readonly #entries = new Map<string, Entry>();
  readonly #contested = new Set<string>();
  #bytes = 0;

  find(key: string): BatchState | undefined {
    return this.#entries.get(key);
  }

  lookUp(keys: readonly string[]): { readonly cached: readonly BatchState[]; readonly missing: readonly string[] } {
    const cached: BatchState[] = [];
    const missing: string[] = [];
    for (const key of keys) {
      const found = this.find(key);
      if (found === undefined) missing.push(key);
      else cached.push(found);
    }
    return { cached, missing };
  }

  put({ key, version, value }: BatchState): void {
    if (this.#contested.has(key) || (value?.length ?? 0) > valueBytesMax) {
      this.#forget(key);
      return;
    }
    const known = this.#entries.get(key);
    if (known === undefined) this.#entries.set(key, { key, version, value: copyOf(value, undefined) });
    else {
      this.#bytes -= sizeOf(key, known.value);
      known.version = version;
      known.value = copyOf(value, known.value);
    }
    this.#bytes += sizeOf(key, value);
    if (this.#isFull()) this.#makeRoom();
  }

  /** What the store answered to a commit of this function. */
  committed({ id, writes }: Pick<CommitRequest, 'id' | 'writes'>, result: CommitResult): void {
    if (result.kind === 'stale') for (const key of result.keys) this.#contest(key);
    if (result.kind !== 'ok' && result.kind !== 'already') return;
    let index = 0;
    for (const { key, value } of writes) {
      this.put(value === null ? { key, version: null, value: undefined } : { key, version: `${id}:${index}`, value });
      index += 1;
    }
  }

  #isFull(): boolean {
    return this.#entries.size > keysMax || this.#bytes > bytesMax;
  }

  #makeRoom(): void {
    for (const oldest of this.#entries.keys()) {
      if (!this.#isFull()) return;
      this.#forget(oldest);
    }
  }

  #contest(key: string): void {
    this.#forget(key);
    if (this.#contested.size >= contestedMax) this.#contested.clear();
    this.#contested.add(key);
  }

  #forget(key: string): void {
    const found = this.#entries.get(key);
    if (found === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= sizeOf(key, found.value);
  }
}

/** The bytes lie among those of a whole answer; the copy takes the place of the one before where it fits. */
function copyOf(value: Uint8Array | undefined, before: Uint8Array | undefined): Uint8Array | undefined {
  if (value === undefined || before?.length !== value.length) return value === undefined ? undefined : Buffer.from(value);
  before.set(value);
  return before;
}

function sizeOf(key: string, value: Uint8Array | undefined): number {
  return key.length + (value?.length ?? 0) + keyOverheadBytes;
}
