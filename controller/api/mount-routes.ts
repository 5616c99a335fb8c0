import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from './contract.ts';
import { paths } from './paths.ts';
import { checkOf, formProblem } from './request-check.ts';
import { HeadedAnswer, type Route, type RouteRequest, StreamedAnswer } from './route.ts';

/** Mounts the routes with their checks, and the OpenAPI document that is made of the same schemas. */
export async function mountRoutes(app: FastifyInstance, routes: readonly Route[], stopping: AbortSignal): Promise<void> {
  checkRequests(app);
  app.setSerializerCompiler(() => data => JSON.stringify(data));
  app.addSchema({ ...Problem, $id: 'Problem' });
  await app.register(swagger, {
    openapi: openApiHead,
    refResolver: { buildLocalReference: (schema, _, __, index) => String(schema.$id ?? `schema-${index}`) },
  });
  await app.register(async scope => {
    for (const route of routes) mount(scope, route, stopping);
    scope.get(paths.openapi, { schema: { hide: true } }, async () => app.swagger());
  });
}

const openApiHead = {
  openapi: '3.1.0',
  info: { title: 'faas', version: 'v1', description: 'The HTTP API of a faas server, on its admin listener.' },
  servers: [{ url: 'http://127.0.0.1:7070' }],
  components: { securitySchemes: { token: { type: 'http' as const, scheme: 'bearer' } } },
  security: [{ token: [] }],
};

function checkRequests(app: FastifyInstance): void {
  app.setValidatorCompiler(({ schema, httpPart }) => checkOf(schema, httpPart === 'body' ? 'body' : 'text'));
  app.setSchemaErrorFormatter((errors, part) => formProblem(errors, part));
}

function mount(app: FastifyInstance, route: Route, stopping: AbortSignal): void {
  app.route({
    method: route.method,
    url: paths[route.path],
    ...(route.bodyBytesMax !== undefined && { bodyLimit: route.bodyBytesMax }),
    schema: {
      operationId: `${route.method.toLowerCase()}-${route.path}`,
      summary: route.summary,
      tags: [route.tag],
      ...(route.params && { params: route.params }),
      ...(route.query && { querystring: route.query }),
      ...bodyOf(route),
      response: {
        200: { description: 'Done.', ...route.answer },
        '4xx': {
          description: 'A problem that the request can mend.',
          content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
        },
        '5xx': {
          description: 'A problem of the server or of a handler.',
          content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
        },
      },
    },
    handler: async (request, reply) => send(reply, await route.handle(checked(request, reply, stopping))),
  });
}

/** Bytes are described for the document, but not checked: the handler compares their hash. */
function bodyOf(route: Route): Record<string, unknown> {
  if (route.body === undefined) return {};
  if (route.body !== 'bytes') return { body: route.body };
  return { body: { content: { 'application/octet-stream': { schema: {} } } } };
}

function checked({ params, query, body, headers, id }: FastifyRequest, reply: FastifyReply, stopping: AbortSignal): RouteRequest {
  return {
    params,
    query,
    body,
    headers,
    id,
    // Made when it is asked for: few routes wait, and each composite signal is known to the one of the server until it is collected.
    get signal() {
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      return AbortSignal.any([gone.signal, stopping]);
    },
  };
}

function send(reply: FastifyReply, answer: unknown): FastifyReply {
  if (answer instanceof HeadedAnswer) return reply.headers(answer.headers).send(answer.body);
  if (!(answer instanceof StreamedAnswer)) return reply.send(answer);
  return reply.type(answer.contentType).header('connection', 'close').send(answer.stream);
}
