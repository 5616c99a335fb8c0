import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Random } from '../random.ts';

/** A browser that is signed in. */
export interface Session {
  /** What the page sends with each change, as the header `x-faas-csrf`. */
  readonly csrf: string;
  readonly expiresAtMs: number;
}

export const csrfHeader = 'x-faas-csrf';
/** A link waits for a browser to open, not for a person to come back to it. */
const linkMs = 120_000;
/** Links are asked for by who has the token; more than these at once are a loop, and the oldest go first. */
const linksMax = 32;
const sessionMs = 12 * 3_600_000;

/**
 * Signing a browser in: a code that works once, then a cookie. The cookie is signed with the admin token, so that it outlives a restart of the
 * server, and ends with the token. Cookies know no ports: its name tells the servers of one machine apart.
 */
export class Sessions {
  readonly #token: string;
  readonly #random: Random;
  readonly #links = new Map<string, number>();
  readonly cookieName: string;

  constructor(token: string, random: Random) {
    this.#token = token;
    this.#random = random;
    this.cookieName = `faas-${createHash('sha256').update(`cookie ${token}`).digest('hex').slice(0, 12)}`;
  }

  newLink(nowMs: number): { readonly code: string; readonly expiresAtMs: number } {
    const code = this.#random.token();
    const expiresAtMs = nowMs + linkMs;
    this.#links.set(code, expiresAtMs);
    const [oldest] = this.#links.keys();
    if (this.#links.size > linksMax && oldest !== undefined) this.#links.delete(oldest);
    return { code, expiresAtMs };
  }

  /** The `Set-Cookie` header of a new session; undefined: the code is wrong, late, or was used. */
  redeem(code: string, nowMs: number): { readonly session: Session; readonly setCookie: string } | undefined {
    const expiresAtMs = this.#links.get(code);
    this.#links.delete(code);
    if (expiresAtMs === undefined || expiresAtMs < nowMs) return undefined;
    const body = `${nowMs + sessionMs}.${this.#random.token()}`;
    const setCookie = this.#cookie(`${body}.${this.#sign('session', body)}`, sessionMs);
    return { session: this.#sessionOf(body, nowMs + sessionMs), setCookie };
  }

  /** The session of a `Cookie` header. */
  find(cookies: string | undefined, nowMs: number): Session | undefined {
    const [, body = '', expires = '', mac = ''] = this.#pattern().exec(cookies ?? '') ?? [];
    if (body === '' || Number(expires) < nowMs || !isSame(mac, this.#sign('session', body))) return undefined;
    return this.#sessionOf(body, Number(expires));
  }

  /** The header that makes a browser forget its session. */
  forgetCookie(): string {
    return this.#cookie('', 0);
  }

  #sessionOf(body: string, expiresAtMs: number): Session {
    return { csrf: this.#sign('csrf', body), expiresAtMs };
  }

  #sign(what: 'session' | 'csrf', body: string): string {
    return createHmac('sha256', this.#token).update(`${what} ${body}`).digest('hex');
  }

  #cookie(value: string, ageMs: number): string {
    return `${this.cookieName}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${Math.round(ageMs / 1_000)}`;
  }

  #pattern(): RegExp {
    return new RegExp(`(?:^|;\\s*)${this.cookieName}=((\\d{1,15})\\.[0-9a-f]{32})\\.([0-9a-f]{64})(?:;|$)`);
  }
}

/** In a time that does not tell how much of it was right. */
export function isSame(given: string, expected: string): boolean {
  const bytes = Buffer.from(given);
  const wanted = Buffer.from(expected);
  return bytes.length === wanted.length && timingSafeEqual(bytes, wanted);
}
