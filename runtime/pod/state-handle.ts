import { hasOwn, NativePromise, parseJson, textSlice } from '../protocol/intrinsics.ts';
import { wireLimits } from '../protocol/messages.ts';
import type { StateHandle } from '../sdk/context.ts';
import { FaasError } from '../sdk/errors.ts';
import type { BatchStateView, StateBase } from './batch-state.ts';
import { bounded, failureOf } from './describe-error.ts';
import type { EventEffects } from './effects.ts';
import { encodeJson } from './emission.ts';

/** The handle of one key for one event: reads come from its own writes first, then from what the batch sees, the same at each read. */
export function stateHandle<State>(key: string, effects: EventEffects, view: BatchStateView): StateHandle<State> {
  return new EventHandle<State>(key, effects, view);
}

/** The handle of one key in a `batch` handler: all events of the call see the latest write, and a read names the event that wrote. */
export function sharedStateHandle<State>(key: string, index: number, effects: EventEffects, view: BatchStateView): StateHandle<State> {
  return new SharedHandle<State>(key, index, effects, view);
}

type Value = Uint8Array | undefined;

/** Methods are getters that answer functions without `this`, as those of the context: they may be taken out, and cost nothing where nobody asks. */
abstract class KeyHandle<State> implements StateHandle<State> {
  protected readonly effects: EventEffects;

  constructor(effects: EventEffects) {
    this.effects = effects;
  }

  /** At once for what is known: most state came with the batch. */
  protected abstract read(): Value | Promise<Value>;
  /** null deletes. */
  protected abstract write(value: Uint8Array | null): void;

  protected base(view: BatchStateView, key: string): StateBase | Promise<StateBase> {
    const base = view.base(key);
    if (!(base instanceof NativePromise)) return base;
    return base.catch((error: unknown) => {
      if (failureOf(error).error.code === 'FAAS_STATE_READ') this.effects.stateUnread();
      throw error;
    });
  }

  get get(): StateHandle<State>['get'] {
    return () => this.#reading(bytes => (bytes === undefined ? undefined : (decodeState(bytes) as State)));
  }

  get set(): StateHandle<State>['set'] {
    return value => this.#write(encodeState(value));
  }

  get delete(): StateHandle<State>['delete'] {
    return () => this.#write(null);
  }

  get increment(): StateHandle<State>['increment'] {
    return (field, by = 1) =>
      this.#reading(bytes => {
        const state = objectOf(bytes === undefined ? {} : decodeState(bytes));
        const next = numberIn(state, field) + by;
        if (!Number.isFinite(next)) throw new FaasError('FAAS_STATE_NOT_A_NUMBER', `increment by ${by} does not give a finite number`);
        this.#write(encodeState({ ...state, [field]: next }));
        return next;
      });
  }

  #reading<Result>(take: (bytes: Value) => Result): Promise<Result> {
    try {
      this.effects.assertOpen();
      return NativePromise.resolve(whenKnown(this.read(), take));
    } catch (error) {
      return NativePromise.reject(error);
    }
  }

  #write(value: Uint8Array | null): void {
    this.effects.assertOpen();
    this.write(value);
  }
}

class EventHandle<State> extends KeyHandle<State> {
  readonly #key: string;
  readonly #view: BatchStateView;

  constructor(key: string, effects: EventEffects, view: BatchStateView) {
    super(effects);
    this.#key = key;
    this.#view = view;
  }

  protected read(): Value | Promise<Value> {
    const own = this.effects.written(this.#key);
    if (own !== undefined) return own.value ?? undefined;
    const known = this.effects.seen(this.#key);
    if (known !== undefined) return known.value;
    return whenKnown(this.base(this.#view, this.#key), base => {
      this.effects.assertOpen();
      this.effects.see(this.#key, base);
      return base.value;
    });
  }

  protected write(value: Uint8Array | null): void {
    this.effects.write(this.#key, value);
  }
}

class SharedHandle<State> extends KeyHandle<State> {
  readonly #key: string;
  readonly #index: number;
  readonly #view: BatchStateView;

  constructor(key: string, index: number, effects: EventEffects, view: BatchStateView) {
    super(effects);
    this.#key = key;
    this.#index = index;
    this.#view = view;
  }

  protected read(): Value | Promise<Value> {
    return whenKnown(this.base(this.#view, this.#key), base => {
      this.effects.assertOpen();
      if (base.version !== `@${this.#index}`) this.effects.recordRead(this.#key, base.version);
      return base.value;
    });
  }

  protected write(value: Uint8Array | null): void {
    this.effects.write(this.#key, value, this.#view.nextWrite());
    this.#view.apply(this.#index, [{ key: this.#key, value }]);
  }
}

function whenKnown<Known, Result>(known: Known | Promise<Known>, take: (known: Known) => Result): Result | Promise<Result> {
  return known instanceof NativePromise ? known.then(take) : take(known as Known);
}

function decodeState(bytes: Uint8Array): unknown {
  return parseJson(textSlice(bytes, 0, bytes.length));
}

function objectOf(state: unknown): object {
  if (typeof state === 'object' && state !== null && !Array.isArray(state)) return state;
  throw new FaasError(
    'FAAS_STATE_NOT_A_NUMBER',
    'increment needs a state that is an object',
    'Set an object first, or read and set the value yourself.',
  );
}

function numberIn(state: object, field: string): number {
  const value: unknown = hasOwn(state, field) ? Reflect.get(state, field) : 0;
  if (typeof value === 'number') return value;
  throw new FaasError('FAAS_STATE_NOT_A_NUMBER', `the field "${bounded(field, 100)}" of the state is not a number`);
}

function encodeState(value: unknown): Uint8Array {
  const bytes = encodeJson(value, 'FAAS_STATE_NOT_JSON', 'the state');
  if (bytes.length <= wireLimits.stateValueBytesMax) return bytes;
  throw new FaasError(
    'FAAS_STATE_TOO_LARGE',
    `a state of ${bytes.length} bytes is larger than the ${wireLimits.stateValueBytesMax} that are allowed`,
    'Keep less per key, or spread it over more keys.',
  );
}
