import { createMemoryAdapters } from '../controller/adapters/memory/memory-adapters.ts';
import type { ApiPorts } from '../controller/api/api-ports.ts';
import { systemClock } from '../controller/clock.ts';
import { createSecrets } from '../controller/gateway/secrets.ts';
import { systemRandom } from '../controller/random.ts';
import { loadSettings } from '../controller/settings-source.ts';

/** Ports behind which nothing runs: enough to describe the routes. */
export function openApiPorts(): ApiPorts {
  const clock = systemClock;
  const random = systemRandom;
  return {
    ...createMemoryAdapters({ clock, random }),
    ...loadSettings({ flags: {}, env: {} }),
    version: '',
    startedAtMs: 0,
    deployments: {
      deploy: async () => ({ kind: 'refused', problems: [] }),
      remove: async () => ({ kind: 'unknown' }),
      rollBack: async () => ({ kind: 'refused', problems: [] }),
    },
    calls: { call: async () => ({ kind: 'unknown-function' }), stop: async () => {} },
    dispatcher: { report: () => [] },
    pods: { podsOf: () => [] },
    secrets: createSecrets({ env: {}, folder: '', clock }),
    clock,
    random,
  };
}
