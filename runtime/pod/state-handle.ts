import { decodeUtf8, hasOwn, parseJson } from '../protocol/intrinsics.ts';
import { wireLimits } from '../protocol/messages.ts';
import type { StateHandle } from '../sdk/context.ts';
import { FaasError } from '../sdk/errors.ts';
import type { BatchStateView } from './batch-state.ts';
import { bounded } from './describe-error.ts';
import type { EventEffects } from './effects.ts';
import { encodeJson } from './emission.ts';

/** The handle of one key for one event: reads come from its own writes first, then from what the batch sees, the same at each read. */
export function stateHandle<State>(key: string, effects: EventEffects, view: BatchStateView): StateHandle<State> {
  return handleOf(effects, {
    async read() {
      const own = effects.writes.get(key);
      if (own !== undefined) return own.value ?? undefined;
      const known = effects.seen(key);
      if (known !== undefined) return known.value;
      const base = await view.base(key);
      effects.assertOpen();
      effects.see(key, base);
      return base.value;
    },
    write(value) {
      effects.write(key, value);
    },
  });
}

/** The handle of one key in a `batch` handler: all events of the call see the latest write, and a read names the event that wrote. */
export function sharedStateHandle<State>(key: string, index: number, effects: EventEffects, view: BatchStateView): StateHandle<State> {
  return handleOf(effects, {
    async read() {
      const base = await view.base(key);
      effects.assertOpen();
      if (base.version !== `@${index}`) effects.recordRead(key, base.version);
      return base.value;
    },
    write(value) {
      effects.write(key, value, view.nextWrite());
      view.apply(index, [{ key, value }]);
    },
  });
}

interface Cell {
  read(): Promise<Uint8Array | undefined>;
  /** null deletes. */
  write(value: Uint8Array | null): void;
}

function handleOf<State>(effects: EventEffects, cell: Cell): StateHandle<State> {
  const read = (): Promise<Uint8Array | undefined> => {
    effects.assertOpen();
    return cell.read();
  };
  const write = (value: Uint8Array | null): void => {
    effects.assertOpen();
    cell.write(value);
  };
  return {
    async get() {
      const bytes = await read();
      return bytes === undefined ? undefined : (parseJson(decodeUtf8(bytes)) as State);
    },
    set: value => write(encodeState(value)),
    delete: () => write(null),
    async increment(field, by = 1) {
      const bytes = await read();
      const state = objectOf(bytes === undefined ? {} : parseJson(decodeUtf8(bytes)));
      const next = numberIn(state, field) + by;
      if (!Number.isFinite(next)) throw new FaasError('FAAS_STATE_NOT_A_NUMBER', `increment by ${by} does not give a finite number`);
      write(encodeState({ ...state, [field]: next }));
      return next;
    },
  };
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
