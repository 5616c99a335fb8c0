import { createServer, type RequestListener, type Server } from 'node:http';
import type { FastifyError, FastifyInstance } from 'fastify';
import { FaasError } from './errors.ts';

/** Without these a client that sends a byte now and then holds its connection for ever. Milliseconds. */
export interface ReceiveLimits {
  readonly headersMs: number;
  /** Head and body together. */
  readonly requestMs: number;
  readonly checkIntervalMs: number;
}

/** Longer than a proxy in front keeps a connection, so that it is the proxy that closes it. */
const keepAliveMs = 72_000;

/** For fastify's `serverFactory`: it sets no time limits of a server that is made for it. */
export function limitedServer({ headersMs, requestMs, checkIntervalMs }: ReceiveLimits, onRequest: RequestListener): Server {
  return createServer(
    {
      // A missing Host is refused by the guards of both listeners, in our words.
      requireHostHeader: false,
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: checkIntervalMs,
      keepAliveTimeout: keepAliveMs,
    },
    onRequest,
  );
}

/** `flag`: by which another port is chosen, `--admin-port`. FAAS_PORT_IN_USE when somebody else has the port. */
export async function listenAt(
  app: FastifyInstance,
  { host, port: wanted, flag }: { readonly host: string; readonly port: number; readonly flag: string },
): Promise<{ readonly url: string; readonly port: number }> {
  try {
    await app.listen({ host, port: wanted });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    const hint = `Stop the other server, or choose another port with ${flag} (0 takes a free one).`;
    throw new FaasError('FAAS_PORT_IN_USE', `${host}:${wanted} is taken by another program`, hint, { cause: error });
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : wanted;
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return { url: `http://${name.includes(':') ? `[${name}]` : name}:${port}`, port };
}

/** Thrown by fastify itself. */
export function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('FST_');
}
