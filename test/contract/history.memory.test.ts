import { createMemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { systemRandom } from '../../controller/random.ts';
import { historyContract } from './history.ts';
import { settableClock } from './settable-clock.ts';

historyContract('memory', async () => {
  const { history } = createMemoryAdapters({ clock: settableClock(), random: systemRandom });
  return { history, close: () => history.close() };
});
