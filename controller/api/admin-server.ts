import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from '@fastify/helmet';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { FaasError } from '../errors.ts';
import type { PodCallbacks } from '../gateway/pod-callbacks.ts';
import { isFastifyError, limitedServer, listenAt, type ReceiveLimits } from '../limited-server.ts';
import type { Log } from '../telemetry/log.ts';
import type { ApiPorts } from './api-ports.ts';
import { answersTo, type Doorman, hasToken, refusalOf, tokenBytes } from './auth.ts';
import { answerBrokenRequest } from './broken-request.ts';
import { type ClusterDoor, mountCluster } from './cluster-routes.ts';
import { assetPath, mountDashboard, pagePaths } from './dashboard-routes.ts';
import { type HealthOptions, mountHealth } from './health.ts';
import { parseJsonBody } from './json-body.ts';
import { LiveBoard } from './live-board.ts';
import { mountRoutes } from './mount-routes.ts';
import { OpenLetters } from './open-letters.ts';
import { paths } from './paths.ts';
import { mountPodCallbacks } from './pod-callback-routes.ts';
import { ProblemError, problemOf } from './problem.ts';
import { quickAppends } from './quick-append.ts';
import { allRoutes } from './routes.ts';
import { csrfHeader, Sessions } from './sessions.ts';
import { createAppend } from './stream-routes.ts';

export interface AdminServerOptions extends ApiPorts, HealthOptions {
  /** The admin token (token-file.ts). */
  readonly token: string;
  /** Where the files of the dashboard are. */
  readonly dashboardFolder: string;
  readonly podCallbacks: PodCallbacks;
  /** Where the processes of a cluster meet; undefined: this server is for itself. */
  readonly cluster?: ClusterDoor | undefined;
  /** False: only health, metrics and what is internal; the API is served by processes that are controllers. */
  readonly servesApi?: boolean;
  readonly log: Log;
  readonly limits?: Partial<AdminLimits>;
}

export interface AdminServer {
  /** FAAS_PORT_IN_USE when somebody else has the port. */
  listen(): Promise<{ readonly url: string; readonly port: number }>;
  /** Takes no more requests, ends streamed answers, waits for the rest. */
  close(): Promise<void>;
}

export interface AdminLimits extends ReceiveLimits {
  readonly bodyBytesMax: number;
}

/** A request may take a minute because a bundle of 50 MiB may have a slow way. */
const usualLimits: AdminLimits = { headersMs: 10_000, requestMs: 60_000, checkIntervalMs: 1_000, bodyBytesMax: 2 ** 20 };

/** The admin listener: the dashboard at `/`, the API under /v1, the callbacks of pods under /internal/v1, metrics and health. */
export async function createAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const limits = { ...usualLimits, ...options.limits };
  const stopping = new AbortController();
  const requestId = () => options.random.token().slice(0, 16);
  const doorman = doormanOf(options);
  const takesAppend = options.servesApi === false ? () => false : quickAppendsOf(options, doorman, requestId, stopping.signal);
  const app = fastify({
    logger: false,
    bodyLimit: limits.bodyBytesMax,
    forceCloseConnections: 'idle',
    genReqId: requestId,
    routerOptions: { maxParamLength: 1_024 },
    serverFactory: handle =>
      limitedServer(limits, (request, response) => void (takesAppend(request, response) || handle(request, response))),
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => void answerProblem(options.log, error, request, reply),
  });
  await app.register(helmet, headersOfEveryAnswer);
  app.addHook('onSend', async (_, reply) => {
    // A connection that is kept alive would hold the stopping server until its idle time is over.
    if (stopping.signal.aborted) reply.header('connection', 'close');
  });
  const sessions = new Sessions(options.token, options.random);
  guard(app, { ...doorman, session: cookie => sessions.find(cookie, options.clock.now()) });
  answerProblems(app, options.log);
  takeBodies(app);
  mountHealth(app, options);
  mountPodCallbacks(app, options.podCallbacks);
  if (options.cluster !== undefined) mountCluster(app, options.cluster);
  const letters = new OpenLetters(options);
  const board = options.servesApi === false ? undefined : new LiveBoard({ ...options, letters });
  if (board !== undefined) {
    mountDashboard(app, options.dashboardFolder);
    await mountRoutes(app, allRoutes(options, { board, sessions, letters }), stopping.signal);
  }
  await app.ready();
  const watching = board?.run(stopping.signal);
  return {
    listen: () => listenAt(app, { host: options.settings['admin.host'], port: options.settings['admin.port'], flag: '--admin-port' }),
    async close() {
      stopping.abort();
      await watching;
      await app.close();
    },
  };
}

const headersOfEveryAnswer = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'self'"], frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"] },
  },
  strictTransportSecurity: false,
} as const;

/** Health needs no token; pods bring the token of their batch or, while they start, of their cluster, other processes the secret of the cluster, and a browser the code of its link; the page itself holds nothing. */
const openPaths: ReadonlySet<string> = new Set([
  paths.healthz,
  paths.readyz,
  paths.internalState,
  paths.internalCall,
  paths.internalAnnounce,
  paths.internalReport,
  paths.internalPods,
  paths.internalWant,
  paths.signIn,
  ...pagePaths,
  assetPath,
]);

function doormanOf({ settings, token }: AdminServerOptions): Omit<Doorman, 'session'> {
  const own = settings['cluster.address'] === '' ? [] : [new URL(settings['cluster.address']).hostname];
  const hosts = new Set([settings['admin.host'], ...own, ...settings.hosts].map(host => host.toLowerCase()));
  return { token: tokenBytes(token), hosts, openPaths };
}

function quickAppendsOf(
  options: AdminServerOptions,
  { hosts, token }: Pick<Doorman, 'hosts' | 'token'>,
  requestId: () => string,
  stopping: AbortSignal,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  return quickAppends({
    append: createAppend(options),
    admits: request =>
      !stopping.aborted &&
      answersTo({ host: hostOf(request), localAddress: request.socket.localAddress }, hosts) &&
      hasToken(request.headers.authorization, token),
    fail: (error, response) => {
      const { status, headers, body } = problemReply(options.log, error, { id: requestId(), method: 'POST', route: paths.events });
      response.writeHead(status, { ...headers, 'cache-control': 'no-store', 'content-length': Buffer.byteLength(body) });
      response.end(body);
    },
  });
}

/** Of two Host headers somebody else may have believed the other one. */
function hostOf(request: IncomingMessage): string | undefined {
  return request.headersDistinct.host?.length === 1 ? request.headers.host : undefined;
}

function guard(app: FastifyInstance, doorman: Doorman): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const { headers } = request;
    const refusal = refusalOf(
      {
        method: request.method,
        path: request.routeOptions.url ?? '',
        host: hostOf(request.raw),
        localAddress: request.socket.localAddress,
        origin: headers.origin,
        authorization: headers.authorization,
        cookie: headers.cookie,
        csrf: textOf(headers[csrfHeader]),
        contentType: headers['content-type'],
        hasBody: headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0',
      },
      doorman,
    );
    if (refusal !== undefined) throw refusal;
  });
}

function textOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}

function answerProblems(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((error, request, reply) => answerProblem(log, error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const unknown = new FaasError(
      'FAAS_API_ROUTE_UNKNOWN',
      `there is no ${request.method} at this path`,
      `${paths.openapi} lists all of them.`,
    );
    return answerProblem(log, unknown, request, reply);
  });
}

interface FailedRequest {
  readonly id: string;
  readonly method: string;
  readonly route: string | undefined;
}

function problemReply(log: Log, error: unknown, { id, method, route }: FailedRequest) {
  const ours = translate(error);
  const problem = problemOf(ours, id);
  if (problem.code === 'FAAS_INTERNAL') log.error('request failed', { requestId: id, method, route, error });
  const headers = {
    'content-type': 'application/problem+json; charset=utf-8',
    'x-content-type-options': 'nosniff',
    ...(ours instanceof ProblemError ? ours.headers : {}),
    ...(problem.status === 401 ? { 'www-authenticate': 'Bearer realm="faas"' } : {}),
  };
  return { status: problem.status, headers, body: JSON.stringify(problem) };
}

function answerProblem(log: Log, error: unknown, { id, method, routeOptions }: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, headers, body } = problemReply(log, error, { id, method, route: routeOptions?.url });
  return reply.status(status).headers(headers).send(body);
}

/** What fastify throws by itself, in our words. Its validation errors are made in mount-routes.ts. */
function translate(error: unknown): unknown {
  if (!isFastifyError(error)) return error;
  if (error.statusCode === 413)
    return new FaasError('FAAS_API_BODY_TOO_LARGE', 'the body is larger than this path takes', 'Send less in one request.');
  if (error.statusCode === 415)
    return new FaasError('FAAS_API_MEDIA_TYPE', 'this path does not take that content type', 'See the OpenAPI document.');
  if (error.statusCode === 400) return new FaasError('FAAS_API_REQUEST', 'the request is malformed', 'See the OpenAPI document.');
  return error;
}

/** Two types of bodies, both read whole and bounded before anything looks at them. */
function takeBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_: FastifyRequest, body: Buffer) => parseJsonBody(body));
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, async (_: FastifyRequest, body: Buffer) => body);
}
