import { timingSafeEqual } from 'node:crypto';
import { FaasError } from '../errors.ts';
import { isSame, type Session } from './sessions.ts';

/** What of a request decides whether it may come in. */
export interface Knock {
  readonly method: string;
  readonly path: string;
  readonly host: string | undefined;
  /** The address at which the connection arrived. */
  readonly localAddress: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
  readonly cookie: string | undefined;
  /** The header `x-faas-csrf`. */
  readonly csrf: string | undefined;
  readonly contentType: string | undefined;
  readonly hasBody: boolean;
}

export interface Doorman {
  /** The admin token, as `tokenBytes` gives it. */
  readonly token: Uint8Array;
  /** Host names in lower case that the listener answers to, besides the loopback names and the address of the connection. */
  readonly hosts: ReadonlySet<string>;
  /** Paths that need no token of ours: health, and those that check a token of their own. */
  readonly openPaths: ReadonlySet<string>;
  /** The session of a `Cookie` header, if it is one. */
  readonly session: (cookie: string | undefined) => Session | undefined;
}

const loopbackNames: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);
const readMethods: ReadonlySet<string> = new Set(['GET', 'HEAD']);
const acceptedTypes: ReadonlySet<string> = new Set(['application/json', 'application/octet-stream']);

/**
 * Why a request is refused, or undefined. Host before all (a rebound name must learn nothing), a foreign Origin next, then the token or the
 * session, then the content type: what a page can send across origins without asking (text/plain, forms) never gets through.
 */
export function refusalOf(knock: Knock, doorman: Doorman): FaasError | undefined {
  if (!answersTo(knock, doorman.hosts)) {
    return new FaasError(
      'FAAS_API_HOST',
      'the Host header names a host that this listener does not answer to',
      'Add the name to the setting `hosts`.',
    );
  }
  if (knock.origin !== undefined && !isSameOrigin(knock.origin, knock.host)) {
    return new FaasError(
      'FAAS_API_ORIGIN',
      'the request comes from a page of another origin',
      'Send it from a program, without an Origin header.',
    );
  }
  const stranger = doorman.openPaths.has(knock.path) ? undefined : strangerOf(knock, doorman);
  if (stranger !== undefined) return stranger;
  if (!readMethods.has(knock.method) && !hasAcceptedType(knock)) {
    return new FaasError(
      'FAAS_API_MEDIA_TYPE',
      'the content type must be application/json or application/octet-stream',
      'Set the Content-Type header.',
    );
  }
  return undefined;
}

/** A program brings the token. A browser brings its cookie, and with a change the header that no page of another origin can send. */
function strangerOf(knock: Knock, doorman: Doorman): FaasError | undefined {
  if (hasToken(knock.authorization, doorman.token)) return undefined;
  const session = knock.authorization === undefined ? doorman.session(knock.cookie) : undefined;
  if (session === undefined) {
    return new FaasError(
      'FAAS_API_UNAUTHORIZED',
      'a bearer token is needed',
      'Send `Authorization: Bearer <token>`; the token is in the file `token` of the data folder. A browser signs in with `faas dashboard`.',
    );
  }
  if (readMethods.has(knock.method) || isSame(knock.csrf ?? '', session.csrf)) return undefined;
  return new FaasError('FAAS_API_CSRF', 'a change from a browser needs the header x-faas-csrf', 'Load the page again.');
}

export function tokenBytes(token: string): Uint8Array {
  return Buffer.from(token);
}

/** Takes the same time for every wrong token of the right length; the length of tokens is no secret. */
export function hasToken(authorization: string | undefined, expected: Uint8Array): boolean {
  const given = tokenBytes(/^Bearer ([^\s]+)$/i.exec(authorization ?? '')?.[1] ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** Names are what a rebinding attack can bend; the literal address that the connection came in by is not. */
export function answersTo(knock: Pick<Knock, 'host' | 'localAddress'>, hosts: ReadonlySet<string>): boolean {
  const name = hostName(knock.host);
  if (name === undefined) return false;
  return loopbackNames.has(name) || hosts.has(name) || name === literal(knock.localAddress);
}

function hostName(host: string | undefined): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?$/.exec(host?.toLowerCase() ?? '')?.[1];
}

/** An address as a Host header writes it; IPv4 in IPv6 clothes counts as IPv4. */
function literal(address: string | undefined): string | undefined {
  const plain = address?.toLowerCase().replace(/^::ffff:(?=[0-9.]+$)/, '');
  return plain?.includes(':') ? `[${plain}]` : plain;
}

function isSameOrigin(origin: string, host: string | undefined): boolean {
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}

/** A DELETE has no body, so it needs no type; a page cannot send one across origins without asking. */
function hasAcceptedType(knock: Knock): boolean {
  if (knock.contentType === undefined) return knock.method === 'DELETE' && !knock.hasBody;
  return acceptedTypes.has(knock.contentType.split(';')[0]?.trim().toLowerCase() ?? '');
}
