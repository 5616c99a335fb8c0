import fastify from 'fastify';
import { createMemoryAdapters } from '../controller/adapters/memory/memory-adapters.ts';
import type { ApiPorts } from '../controller/api/api-ports.ts';
import { LiveBoard } from '../controller/api/live-board.ts';
import { mountRoutes } from '../controller/api/mount-routes.ts';
import { OpenLetters } from '../controller/api/open-letters.ts';
import { paths } from '../controller/api/paths.ts';
import type { Route } from '../controller/api/route.ts';
import { allRoutes } from '../controller/api/routes.ts';
import { Sessions } from '../controller/api/sessions.ts';
import { systemClock } from '../controller/clock.ts';
import { createSecrets } from '../controller/gateway/secrets.ts';
import { systemRandom } from '../controller/random.ts';
import { loadSettings } from '../controller/settings-source.ts';

/** The OpenAPI document that a server answers at /v1/openapi.json, without a listener. No port is called. */
export async function openApiDocument(): Promise<unknown> {
  const app = fastify({ logger: false });
  await mountRoutes(app, idleRoutes(), new AbortController().signal);
  const answer = await app.inject(paths.openapi);
  await app.close();
  return answer.json();
}

/** All routes, with nothing behind them. */
export function idleRoutes(): readonly Route[] {
  const ports = idlePorts();
  const letters = new OpenLetters(ports);
  return allRoutes(ports, { board: new LiveBoard({ ...ports, letters }), sessions: new Sessions('', ports.random), letters });
}

/** Ports behind which nothing runs: enough to describe the routes. */
function idlePorts(): ApiPorts {
  const clock = systemClock;
  const random = systemRandom;
  return {
    ...createMemoryAdapters({ clock, random }),
    ...loadSettings({ flags: {}, env: {} }),
    version: '',
    startedAtMs: 0,
    examine: async () => [],
    deployments: {
      exclusively: work => work(async () => ({ kind: 'refused', problems: [] })),
      deploy: async () => ({ kind: 'refused', problems: [] }),
      remove: async () => ({ kind: 'unknown' }),
      rollBack: async () => ({ kind: 'refused', problems: [] }),
    },
    calls: { call: async () => ({ kind: 'unknown-function' }), giveUp() {}, stop: async () => {} },
    dispatcher: { report: () => [] },
    seesAll: () => true,
    conditions: { of: async () => [] },
    pods: { podsOf: () => [] },
    scale: { inputs: () => undefined, partitions: () => [] },
    overrides: { of: () => undefined, set: async () => {}, load: async () => {} },
    secrets: createSecrets({ env: {}, folder: '', clock }),
    clock,
    random,
  };
}
