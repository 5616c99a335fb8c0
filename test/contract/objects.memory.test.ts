import { MemoryObjects } from '../../controller/adapters/memory/memory-objects.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { objectsContract } from './objects.ts';

objectsContract('memory', async () => {
  const clock = new VirtualClock();
  const objects = new MemoryObjects(clock);
  const namespace = 'test';
  return {
    objects,
    namespace,
    put: async (name, data, labels = {}) => void objects.put({ metadata: { name, namespace, labels }, data }),
    remove: async name => objects.remove(`${namespace}/${name}`),
    setAway: async isAway => objects.setAway(isAway),
    async until(holds) {
      for (let ms = 0; ms < 10_000 && !holds(); ms += 50) await clock.advance(50);
      if (!holds()) throw new Error('not within ten seconds');
    },
    close: async () => {},
  };
});
