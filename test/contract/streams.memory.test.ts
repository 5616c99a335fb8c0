import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { systemRandom } from '../../controller/random.ts';
import { streamsContract } from './streams.ts';

streamsContract('memory', async clock => {
  const { streams } = createMemoryAdapters({ clock, random: systemRandom });
  return { streams, skipOffsets: async (at, count) => streams.skipOffsets(at, count), close: () => streams.close() };
});
