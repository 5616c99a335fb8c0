import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { systemRandom } from '../../controller/random.ts';
import { stateContract } from './state.ts';

for (const emits of ['inline', 'outbox'] as const) {
  stateContract(`memory, emits ${emits}`, async clock => {
    const { state, streams } = createMemoryAdapters({ clock, random: systemRandom, emits });
    return { state, streams, close: () => streams.close() };
  });
}
