import { changeValue } from '../change-value.ts';
import type { Clock } from '../clock.ts';
import type { StateStore } from '../ports/state.ts';
import type { Random } from '../random.ts';
import type { WarmBook } from './warm-book.ts';

/** A unit of its own in the state store; no `<context>.<function>` can have this name. */
const unit = '$warm';
const source = { unit, name: 'idle-times' };
const pageSize = 500;

interface WarmStoreOptions {
  readonly state: Pick<StateStore, 'claim' | 'read' | 'commit' | 'list'>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Idle times outlive a restart: of a function that is idle for hours they would be learned anew for days. */
export async function loadHabits({ state }: WarmStoreOptions, book: WarmBook): Promise<void> {
  let after: string | undefined;
  do {
    const page = await state.list(unit, { limit: pageSize, ...(after !== undefined && { after }) });
    for (const { key, value } of page) book.remember(key, JSON.parse(new TextDecoder().decode(value)));
    after = page.length < pageSize ? undefined : page.at(-1)?.key;
  } while (after !== undefined);
}

/** Several servers see the same functions idle: who writes last wins. Throws what the store throws: what was not written is written the next time. */
export async function saveHabits(options: WarmStoreOptions, book: WarmBook): Promise<void> {
  for (const name of book.changed()) {
    const times = book.print(name);
    await changeValue(options, source, name, () => (times === undefined ? null : new TextEncoder().encode(JSON.stringify(times))));
    book.stored(name, times);
  }
}
