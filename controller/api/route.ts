import type { Readable } from 'node:stream';
import type { Static, TSchema } from '@sinclair/typebox';
import type { PathName } from './paths.ts';

/** One operation of the API, free of the HTTP server: its shapes, and a function from a checked request to an answer. */
export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: PathName;
  readonly summary: string;
  readonly tag: string;
  readonly params: TSchema | undefined;
  readonly query: TSchema | undefined;
  /** `bytes`: the body is taken as it is, application/octet-stream. */
  readonly body: TSchema | 'bytes' | undefined;
  readonly bodyBytesMax: number | undefined;
  /** `stream`: text/event-stream, where the request asks for it. */
  readonly answer: TSchema;
  handle(request: RouteRequest): Promise<unknown>;
}

/** Params, query and body were checked against the route's schemas. */
export interface RouteRequest {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly id: string;
  /** Aborts when the client has gone or the server stops. */
  readonly signal: AbortSignal;
}

/** An answer that is not one JSON value: sent as it comes. */
export class StreamedAnswer {
  readonly contentType: string;
  readonly stream: Readable;

  constructor(contentType: string, stream: Readable) {
    this.contentType = contentType;
    this.stream = stream;
  }
}

/** An answer with headers of its own. */
export class HeadedAnswer<Body> {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;

  constructor(headers: Readonly<Record<string, string>>, body: Body) {
    this.headers = headers;
    this.body = body;
  }
}

type Checked<S> = S extends TSchema ? Static<S> : S extends 'bytes' ? Uint8Array : undefined;

interface RouteDefinition<P, Q, B, A extends TSchema> {
  readonly method: Route['method'];
  readonly path: PathName;
  readonly summary: string;
  readonly tag: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly bodyBytesMax?: number;
  readonly answer: A;
  handle(request: CheckedRequest<P, Q, B>): Promise<Static<A> | HeadedAnswer<Static<A>> | StreamedAnswer>;
}

interface CheckedRequest<P, Q, B> {
  readonly params: Checked<P>;
  readonly query: Checked<Q>;
  readonly body: Checked<B>;
  readonly headers: RouteRequest['headers'];
  readonly id: string;
  readonly signal: AbortSignal;
}

/** Ties the types of a handler to its schemas. The server checks each request before `handle`, which makes the one cast below true. */
export function defineRoute<
  A extends TSchema,
  P extends TSchema | undefined = undefined,
  Q extends TSchema | undefined = undefined,
  B extends TSchema | 'bytes' | undefined = undefined,
>(definition: RouteDefinition<P, Q, B, A>): Route {
  const { params, query, body, bodyBytesMax, handle, ...rest } = definition;
  return { ...rest, params, query, body, bodyBytesMax, handle: request => handle(request as CheckedRequest<P, Q, B>) };
}
