import type { IncomingMessage, ServerResponse } from 'node:http';
import rateLimit from '@fastify/rate-limit';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { answersTo, hasToken, tokenBytes } from '../api/auth.ts';
import { ProblemError, problemOf } from '../api/problem.ts';
import { FaasError } from '../errors.ts';
import { type LiveFunction, unitOf } from '../functions/live-function.ts';
import { isFastifyError, limitedServer, listenAt, type ReceiveLimits } from '../limited-server.ts';
import type { Random } from '../random.ts';
import type { Settings } from '../settings.ts';
import { answerCall } from './call-route.ts';
import type { DirectCalls } from './direct-calls.ts';
import { quickCalls } from './quick-call.ts';
import { createWebhookIntake, type WebhookIntakeOptions } from './webhook-intake.ts';
import { type WebhookMatch, WebhookRoutes } from './webhook-routes.ts';

export interface GatewayServerOptions extends Omit<WebhookIntakeOptions, 'unverifiedAllowed'> {
  readonly settings: Pick<
    Settings,
    'gateway.host' | 'gateway.port' | 'gateway.bodyMax' | 'gateway.ratePerSecond' | 'gateway.allowUnverified' | 'hosts'
  >;
  /** The admin token; `/call` asks for it. */
  readonly token: string;
  readonly calls: DirectCalls;
  readonly limits?: Partial<ReceiveLimits>;
}

export interface GatewayServer {
  /** The functions that are live now. */
  update(functions: readonly LiveFunction[]): void;
  /** FAAS_PORT_IN_USE when somebody else has the port. */
  listen(): Promise<{ readonly url: string; readonly port: number }>;
  /** Takes no more connections and waits for requests under way; calls that are not answered within `graceMs` are told so, and then all connections end. */
  close(graceMs: number): Promise<void>;
}

/** A call may be answered later: only receiving is bounded. */
const usualLimits: ReceiveLimits = { headersMs: 10_000, requestMs: 30_000, checkIntervalMs: 1_000 };

const lastAnswersMs = 250;
const pathCharsMax = 4_096;
const callUrl = '/call/:context/:function';
const loopbackAddresses: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before the body is read, on webhook paths. */
    webhook: WebhookMatch | undefined;
  }
}

/** The gateway listener: webhooks in, direct calls through. Everything that can be refused without the body is refused before it is read. */
export async function createGatewayServer(options: GatewayServerOptions): Promise<GatewayServer> {
  const { settings } = options;
  const limits = { ...usualLimits, ...options.limits };
  let routes = new WebhookRoutes([]);
  let closing = false;
  const requestId = requestIds(options.random);
  const hosts = hostsOf(settings);
  const token = tokenBytes(options.token);
  const takesCall = quickCalls({
    calls: options.calls,
    bodyBytesMax: settings['gateway.bodyMax'],
    admits: request => !closing && answersAt(request, hosts) && hasToken(request.headers.authorization, token),
    fail: (error, response) => sendProblem(problemReply(options, error, { id: requestId(), route: callUrl, webhook: undefined }), response),
  });
  const app = fastify({
    logger: false,
    bodyLimit: settings['gateway.bodyMax'],
    forceCloseConnections: 'idle',
    // What arrives on a connection that is still open is served: the client has done nothing wrong.
    return503OnClosing: false,
    genReqId: requestId,
    routerOptions: { maxParamLength: pathCharsMax },
    serverFactory: handle =>
      limitedServer(
        limits,
        settings['gateway.ratePerSecond'] > 0
          ? handle
          : (request, response) => void (takesCall(request, response) || handle(request, response)),
      ),
    frameworkErrors: (error, request, reply) => void answerProblem(options, error, request, reply),
  });
  app.setErrorHandler((error, request, reply) => answerProblem(options, error, request, reply));
  app.setNotFoundHandler((request, reply) => answerProblem(options, unknownPath(request.method), request, reply));
  takeRawBodies(app);
  app.decorateRequest('webhook', undefined);
  guardHost(app, hosts);
  if (settings['gateway.ratePerSecond'] > 0) await limitRate(app, settings['gateway.ratePerSecond']);
  mountWebhooks(app, options, () => routes);
  mountCalls(app, options.calls, token);
  app.addHook('preClose', done => {
    closing = true;
    done();
  });
  await app.ready();
  return {
    update(functions) {
      routes = new WebhookRoutes(functions);
    },
    listen: () => listenAt(app, { host: settings['gateway.host'], port: settings['gateway.port'], flag: '--gateway-port' }),
    async close(graceMs) {
      let cancel = options.clock.after(graceMs, () => {
        options.calls.giveUp();
        cancel = options.clock.after(lastAnswersMs, () => app.server.closeAllConnections());
      });
      await app.close();
      cancel();
    },
  };
}

/** For the log of what failed: unique, at the price of a counter. */
function requestIds(random: Random): () => string {
  const prefix = random.token().slice(0, 12);
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}-${count}`;
  };
}

/** Signatures are over the bytes as they came, so nothing is parsed, whatever the content type says. */
function takeRawBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
}

function hostsOf(settings: GatewayServerOptions['settings']): ReadonlySet<string> {
  return new Set([settings['gateway.host'], ...settings.hosts].map(host => host.toLowerCase()));
}

function answersAt({ headers, socket }: IncomingMessage, hosts: ReadonlySet<string>): boolean {
  return answersTo({ host: headers.host, localAddress: socket.localAddress }, hosts);
}

function guardHost(app: FastifyInstance, hosts: ReadonlySet<string>): void {
  app.addHook('onRequest', (request, _, done) => {
    if (answersAt(request.raw, hosts)) return done();
    done(
      new FaasError(
        'FAAS_API_HOST',
        'the Host header names a host that this listener does not answer to',
        'Add the name to the setting `hosts`.',
      ),
    );
  });
}

async function limitRate(app: FastifyInstance, perSecond: number): Promise<void> {
  await app.register(rateLimit, {
    max: perSecond,
    timeWindow: 1_000,
    errorResponseBuilder: () =>
      new ProblemError(
        'FAAS_RATE_LIMITED',
        'more requests per second than the setting `gateway.ratePerSecond` allows',
        'Send again later.',
        {
          headers: { 'retry-after': '1' },
        },
      ),
  });
}

function mountWebhooks(app: FastifyInstance, options: GatewayServerOptions, routes: () => WebhookRoutes): void {
  const { settings } = options;
  const unverifiedAllowed = settings['gateway.allowUnverified'] || loopbackAddresses.has(settings['gateway.host']);
  const take = createWebhookIntake({ ...options, unverifiedAllowed });
  app.route<{ Params: { context: string } }>({
    url: '/hooks/:context/*',
    method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    onRequest: (request, _, done) => {
      const { context } = request.params;
      request.webhook = routes().match(context, pathAfter(request.raw.url ?? '', context));
      if (request.webhook === undefined) return done(new FaasError('FAAS_HOOK_UNKNOWN', 'no live function has a webhook at this path'));
      done(request.method === 'POST' ? undefined : wrongMethod());
    },
    handler: async (request, reply) => {
      const { webhook, body } = request;
      if (webhook === undefined) throw new FaasError('FAAS_HOOK_UNKNOWN', 'no live function has a webhook at this path');
      const answer = await take(webhook, {
        rawHeaders: request.raw.rawHeaders,
        body: body instanceof Uint8Array ? body : new Uint8Array(),
      });
      if (answer.body !== undefined) reply.type('application/json');
      return reply.status(answer.status).send(answer.body);
    },
  });
}

/** The full way of a call: all that `quickCalls` leaves. */
function mountCalls(app: FastifyInstance, calls: DirectCalls, token: Uint8Array): void {
  app.route<{ Params: { context: string; function: string }; Querystring: { key?: string | string[] } }>({
    url: callUrl,
    method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    onRequest: (request, _, done) => {
      if (!hasToken(request.headers.authorization, token)) {
        const hint = 'Send `Authorization: Bearer <token>`; the token is in the file `token` of the data folder.';
        return done(new FaasError('FAAS_API_UNAUTHORIZED', 'a bearer token is needed', hint));
      }
      done(request.method === 'POST' ? undefined : wrongMethod());
    },
    handler: async ({ params, query, headers, body }, reply) => {
      const queryKey = typeof query.key === 'string' ? query.key : query.key?.[0];
      const unit = unitOf(params.context, params.function);
      const answer = await answerCall(calls, { unit, queryKey, headers, body: body instanceof Uint8Array ? body : undefined });
      reply.headers(answer.headers);
      return answer.body === undefined ? reply.status(204).send() : reply.send(asBytes(answer.body));
    },
  });
}

function asBytes(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body, 'latin1') : body;
}

/** What follows `/hooks/<context>` in the request's target, still encoded. */
function pathAfter(url: string, context: string): string {
  const path = url.split('?', 1)[0] ?? '';
  return path.slice('/hooks/'.length + encodedLength(path, context));
}

/** The context's segment as it was sent: names need no escapes, but a client may have used some. */
function encodedLength(path: string, context: string): number {
  const end = path.indexOf('/', '/hooks/'.length);
  return end < 0 ? context.length : end - '/hooks/'.length;
}

function wrongMethod(): ProblemError {
  return new ProblemError('FAAS_HOOK_METHOD', 'webhooks and calls take POST alone', 'Send a POST.', { headers: { allow: 'POST' } });
}

function unknownPath(method: string): FaasError {
  return new FaasError(
    'FAAS_API_ROUTE_UNKNOWN',
    `there is no ${method} at this path`,
    'Use /hooks/<context>/<path> or /call/<context>/<function>.',
  );
}

interface ProblemReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface FailedRequest {
  readonly id: string;
  readonly route: string | undefined;
  readonly webhook: WebhookMatch | undefined;
}

function problemReply(options: GatewayServerOptions, error: unknown, { id, route, webhook }: FailedRequest): ProblemReply {
  const ours = translate(error, options.settings['gateway.bodyMax']);
  const problem = problemOf(ours, id);
  const { status } = problem;
  if (problem.code === 'FAAS_INTERNAL') options.log.error('request failed', { requestId: id, route, error });
  if (webhook !== undefined)
    options.metrics.count('faas_webhook_requests_total', { context: webhook.live.context, status: String(status) });
  const headers = {
    'content-type': 'application/problem+json; charset=utf-8',
    ...(ours instanceof ProblemError ? ours.headers : {}),
    ...(status === 401 && webhook === undefined ? { 'www-authenticate': 'Bearer realm="faas"' } : {}),
  };
  return { status, headers, body: JSON.stringify(problem) };
}

function answerProblem(options: GatewayServerOptions, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { id, webhook, routeOptions } = request;
  const { status, headers, body } = problemReply(options, error, { id, webhook, route: routeOptions?.url });
  return reply.status(status).headers(headers).send(body);
}

function sendProblem({ status, headers, body }: ProblemReply, response: ServerResponse): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

/** What fastify throws by itself, in our words. */
function translate(error: unknown, bodyMax: number): unknown {
  if (!isFastifyError(error)) return error;
  if (error.statusCode === 413)
    return new FaasError(
      'FAAS_API_BODY_TOO_LARGE',
      `bodies may have ${bodyMax} bytes`,
      'Send less, or raise the setting `gateway.bodyMax`.',
    );
  if (error.statusCode !== undefined && error.statusCode < 500) return new FaasError('FAAS_API_REQUEST', 'the request is malformed');
  return error;
}
