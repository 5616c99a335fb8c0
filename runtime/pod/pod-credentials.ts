import { crypto } from './late-modules.ts';

/** What a pod knows of its parent: how requests show that they are of it, and where it is asked back. */
export interface PodCredentials {
  readonly secret: PodSecret;
  /** Base URL for what running batches ask, `http://127.0.0.1:7070`. */
  readonly callbackUrl: string;
}

/** `hash`: the token's sha256 in hex, where a pod is told by something that others can read. */
export type PodSecret = { readonly kind: 'token' | 'hash'; readonly text: string };

/** Whether the header `authorization` carries the token of this pod. */
export function isAdmitted(authorization: string | undefined, secret: PodSecret): boolean {
  const given = authorization?.startsWith(scheme) ? authorization.slice(scheme.length) : '';
  const { createHash, timingSafeEqual } = crypto();
  const shown = secret.kind === 'token' ? given : createHash('sha256').update(given).digest('hex');
  const a = Buffer.from(shown);
  const b = Buffer.from(secret.text);
  return a.length === b.length && timingSafeEqual(a, b);
}

const scheme = 'Bearer ';
