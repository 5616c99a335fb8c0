import fastify from 'fastify';
import type { ApiPorts } from './api-ports.ts';
import { mountRoutes } from './mount-routes.ts';
import { paths } from './paths.ts';
import { allRoutes } from './routes.ts';

/** The OpenAPI document that a server answers at /v1/openapi.json, without a listener. No port is called. */
export async function openApiDocument(ports: ApiPorts): Promise<unknown> {
  const app = fastify({ logger: false });
  await mountRoutes(app, allRoutes(ports), new AbortController().signal);
  const answer = await app.inject(paths.openapi);
  await app.close();
  return answer.json();
}
