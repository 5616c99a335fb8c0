import fastify from 'fastify';
import { createMemoryAdapters } from '../controller/adapters/memory/memory-adapters.ts';
import type { ApiPorts } from '../controller/api/api-ports.ts';
import { mountRoutes } from '../controller/api/mount-routes.ts';
import { paths } from '../controller/api/paths.ts';
import { allRoutes } from '../controller/api/routes.ts';
import { systemClock } from '../controller/clock.ts';
import { createSecrets } from '../controller/gateway/secrets.ts';
import { systemRandom } from '../controller/random.ts';
import { loadSettings } from '../controller/settings-source.ts';

/** The OpenAPI document that a server answers at /v1/openapi.json, without a listener. No port is called. */
export async function openApiDocument(): Promise<unknown> {
  const app = fastify({ logger: false });
  await mountRoutes(app, allRoutes(idlePorts()), new AbortController().signal);
  const answer = await app.inject(paths.openapi);
  await app.close();
  return answer.json();
}

/** Ports behind which nothing runs: enough to describe the routes. */
export function idlePorts(): ApiPorts {
  const clock = systemClock;
  const random = systemRandom;
  return {
    ...createMemoryAdapters({ clock, random }),
    ...loadSettings({ flags: {}, env: {} }),
    version: '',
    startedAtMs: 0,
    deployments: {
      exclusively: work => work(),
      deploy: async () => ({ kind: 'refused', problems: [] }),
      remove: async () => ({ kind: 'unknown' }),
      rollBack: async () => ({ kind: 'refused', problems: [] }),
    },
    calls: { call: async () => ({ kind: 'unknown-function' }), stop: async () => {} },
    dispatcher: { report: () => [] },
    conditions: { of: async () => [] },
    pods: { podsOf: () => [] },
    scale: { inputs: () => undefined, partitions: () => [] },
    overrides: { of: () => undefined, set: async () => {}, load: async () => {} },
    secrets: createSecrets({ env: {}, folder: '', clock }),
    clock,
    random,
  };
}
