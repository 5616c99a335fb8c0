import { changeValue } from '../change-value.ts';
import type { Clock } from '../clock.ts';
import type { StateStore } from '../ports/state.ts';
import type { Random } from '../random.ts';
import type { WarmBook } from './warm-book.ts';

/** A unit of its own in the state store; no `<context>.<function>` can have this name. */
const unit = '$warm';
const source = { unit, name: 'idle-times' };
const functionsMax = 10_000;

interface WarmStoreOptions {
  readonly state: Pick<StateStore, 'claim' | 'read' | 'commit' | 'list'>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Idle times outlive a restart: of a function that is idle for hours they would be learned anew for days. */
export async function loadHabits({ state }: WarmStoreOptions, book: WarmBook): Promise<void> {
  for (const { key, value } of await state.list(unit, { limit: functionsMax })) {
    book.remember(key, JSON.parse(new TextDecoder().decode(value)));
  }
}

/** Several servers see the same functions idle: who writes last wins. */
export async function saveHabits(options: WarmStoreOptions, book: WarmBook): Promise<void> {
  for (const [name, times] of book.takeChanged()) {
    await changeValue(options, source, name, () => new TextEncoder().encode(JSON.stringify(times)));
  }
}
