import { timingSafeEqual } from 'node:crypto';
import { FaasError } from '../errors.ts';

/** What of a request decides whether it may come in. */
export interface Knock {
  readonly method: string;
  readonly path: string;
  readonly host: string | undefined;
  /** The address at which the connection arrived. */
  readonly localAddress: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
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
}

const loopbackNames: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);
const readMethods: ReadonlySet<string> = new Set(['GET', 'HEAD']);
const acceptedTypes: ReadonlySet<string> = new Set(['application/json', 'application/octet-stream']);

/**
 * Why a request is refused, or undefined. Host before all (a rebound name must learn nothing), a foreign Origin next, then the token, then
 * the content type: what a page can send across origins without asking (text/plain, forms) never gets through.
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
  if (!doorman.openPaths.has(knock.path) && !hasToken(knock.authorization, doorman.token)) {
    return new FaasError(
      'FAAS_API_UNAUTHORIZED',
      'a bearer token is needed',
      'Send `Authorization: Bearer <token>`; the token is in the file `token` of the data folder.',
    );
  }
  if (!readMethods.has(knock.method) && !hasAcceptedType(knock)) {
    return new FaasError(
      'FAAS_API_MEDIA_TYPE',
      'the content type must be application/json or application/octet-stream',
      'Set the Content-Type header.',
    );
  }
  return undefined;
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
