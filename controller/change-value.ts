import type { Clock } from './clock.ts';
import { FaasError } from './errors.ts';
import type { Source, StateStore } from './ports/state.ts';
import type { Random } from './random.ts';

const triesMax = 50;
const pauseMs = 10;

export interface ChangeOptions {
  readonly state: Pick<StateStore, 'claim' | 'read' | 'commit'>;
  readonly random: Random;
  readonly clock: Clock;
}

/**
 * Changes one value of a unit that several servers write: each change claims the place anew and checks the version that it read, so that of two at once one is
 * made after the other. `decide` gets the value and answers the next one, null to remove it, undefined to leave it; it may be called again.
 * Throws FAAS_STORE_BUSY when others keep coming first, and what the store throws: then nobody knows whether it was made.
 */
export async function changeValue(
  { state, random, clock }: ChangeOptions,
  place: Source,
  key: string,
  decide: (value: Uint8Array | undefined) => Uint8Array | null | undefined,
): Promise<void> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const ownerToken = random.token();
    await state.claim(place, { ownerToken, brokerGeneration: 0, nowMs: clock.now(), committedOffset: 0 });
    const [read] = await state.read(place.unit, [key]);
    const value = decide(read?.value);
    if (value === undefined) return;
    const result = await state.commit(place, {
      ...{ ownerToken, id: ownerToken, ordinal: 1, stream: place.unit, highSeqOffset: 0 },
      ...{ highSeqs: [], done: [], clearAttempts: [], ids: [], knownIds: [], emits: [] },
      reads: [{ key, version: read?.version ?? null }],
      writes: [{ key, value }],
    });
    if (result.kind === 'ok' || result.kind === 'already') return;
    await clock.sleep(pauseMs * random.fraction());
  }
  throw new FaasError('FAAS_STORE_BUSY', `others kept changing the ${place.name}`, 'Try again.');
}
