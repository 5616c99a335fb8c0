import { createMemoryPods } from '../../controller/adapters/memory/memory-pods.ts';
import { systemClock } from '../../controller/clock.ts';
import { systemRandom } from '../../controller/random.ts';
import { processPods } from '../pod/pod-fixture.ts';
import { podsContract } from './pods.ts';

podsContract({ name: 'child processes', create: processPods, processes: true });
podsContract({ name: 'memory', create: () => createMemoryPods({ clock: systemClock, random: systemRandom }), processes: false });
