import { FaasError } from '../errors.ts';
import type { ApiPorts } from './api-ports.ts';
import { LoginLinkAnswer, LoginLinkRequest, SessionAnswer, SignInRequest } from './live-schema.ts';
import { defineRoute, HeadedAnswer, type Route } from './route.ts';
import type { Sessions } from './sessions.ts';

const tag = 'dashboard';

/** Signing a browser in and out. */
export function sessionRoutes({ clock }: Pick<ApiPorts, 'clock'>, sessions: Sessions): readonly Route[] {
  const link = defineRoute({
    method: 'POST',
    path: 'loginLinks',
    tag,
    summary: 'Makes a link that signs one browser in, once',
    body: LoginLinkRequest,
    answer: LoginLinkAnswer,
    handle: async () => {
      const { code, expiresAtMs } = sessions.newLink(clock.now());
      return { path: `/login#${code}`, expiresAtMs };
    },
  });
  const signIn = defineRoute({
    method: 'POST',
    path: 'signIn',
    tag,
    summary: 'Takes the code of a link and sets the cookie of a session; needs no token',
    body: SignInRequest,
    answer: SessionAnswer,
    handle: async ({ body }) => {
      const found = sessions.redeem(body.code, clock.now());
      if (found === undefined) {
        throw new FaasError(
          'FAAS_API_LOGIN',
          'this link was used already, or is older than two minutes',
          'Get a new one with `faas dashboard`.',
        );
      }
      return new HeadedAnswer({ 'set-cookie': found.setCookie }, { ...found.session });
    },
  });
  const show = defineRoute({
    method: 'GET',
    path: 'session',
    tag,
    summary: 'What a page needs to know of its session',
    answer: SessionAnswer,
    handle: async ({ headers }) => ({ ...(typeof headers.cookie === 'string' && sessions.find(headers.cookie, clock.now())) }),
  });
  const signOut = defineRoute({
    method: 'DELETE',
    path: 'session',
    tag,
    summary: 'Makes the browser forget its session',
    answer: SessionAnswer,
    handle: async () => new HeadedAnswer({ 'set-cookie': sessions.forgetCookie() }, {}),
  });
  return [link, signIn, show, signOut];
}
