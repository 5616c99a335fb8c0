import { type ChangeOptions, changeValue } from '../change-value.ts';
import type { Clock } from '../clock.ts';
import type { StateStore } from '../ports/state.ts';
import type { Random } from '../random.ts';
import type { ScaleOverride } from './resolve-policy.ts';

/** Bounds that an operator set by hand, each with an end; they outlive a restart. */
export interface Overrides {
  /** Undefined: none, or its time is over. */
  of(unit: string): ScaleOverride | undefined;
  set(unit: string, override: ScaleOverride | undefined): Promise<void>;
  /** Reads what is stored, by whichever server. */
  load(): Promise<void>;
}

/** A unit of its own in the state store; no `<context>.<function>` can have this name. */
const unit = '$scale';
const source = { unit, name: 'overrides' };
const overridesMax = 10_000;

export function createOverrides(state: ChangeOptions['state'] & Pick<StateStore, 'list'>, clock: Clock, random: Random): Overrides {
  let known: ReadonlyMap<string, ScaleOverride> = new Map();
  async function load(): Promise<void> {
    const entries = await state.list(unit, { limit: overridesMax });
    known = new Map(entries.flatMap(({ key, value }) => entryOf(key, value)));
  }
  return {
    of: name => {
      const override = known.get(name);
      return override !== undefined && override.untilMs > clock.now() ? override : undefined;
    },
    async set(name, override) {
      const value = override === undefined ? null : new TextEncoder().encode(JSON.stringify(override));
      await changeValue({ state, clock, random }, source, name, () => value);
      await load();
    },
    load,
  };
}

function entryOf(key: string, value: Uint8Array): readonly (readonly [string, ScaleOverride])[] {
  const { min, max, untilMs } = Object(JSON.parse(new TextDecoder().decode(value)));
  return Number.isInteger(min) && Number.isInteger(max) && Number.isFinite(untilMs) ? [[key, { min, max, untilMs }]] : [];
}
