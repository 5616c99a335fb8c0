import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { systemRandom } from '../../controller/random.ts';
import { registryContract } from './registry.ts';
import { settableClock } from './settable-clock.ts';

registryContract('memory', async () => {
  const { registry } = createMemoryAdapters({ clock: settableClock(), random: systemRandom });
  return { registry, close: () => registry.close() };
});
