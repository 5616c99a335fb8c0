import type { JSONWebKeySet } from 'jose';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../telemetry/log.ts';
import { expectOk, type KubernetesApi } from './kubernetes-api.ts';
import { isRecord } from './kubernetes-object.ts';
import { identityAudience } from './pod-manifest.ts';

/** Whose a token has to be. */
export interface PodIdentity {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The name of the Pod. */
  readonly pod: string;
}

export interface IdentityTokensOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the token says of its bearer; `unsigned`: by none of the keys that are known. */
type Verify = (token: string) => Promise<Readonly<Record<string, unknown>> | 'unsigned' | 'invalid'>;

/** Every service account may read it (the ClusterRole `system:service-account-issuer-discovery`). */
const keys = { method: 'GET', path: '/openid/v1/jwks', accept: 'application/jwk-set+json' } as const;
/** Between two looks at the keys: anybody may bring a token of a key that there is not, and keys change once in months. */
const keysEveryMs = 10_000;
/** With which Kubernetes signs. */
const algorithms = ['RS256', 'ES256', 'ES384', 'ES512'];
/** By how much the clocks of the API server and ours may differ. */
const skewSeconds = 60;

/**
 * Tokens with which pods show who they are, signed by the cluster for us alone. They are verified with the public keys of the cluster, so that it is asked for
 * nothing while a pod waits, and no right of ours is needed.
 */
export class IdentityTokens {
  readonly #options: IdentityTokensOptions;
  #verify: Verify | undefined;
  #isReading = false;
  #hasFailed = false;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: IdentityTokensOptions) {
    this.#options = options;
  }

  /** False while the keys cannot be read: no token is worth anything then. */
  get canVerify(): boolean {
    return !this.#hasFailed;
  }

  /** Reads the keys, unless they are known. Never fails, and nobody waits for it. */
  prepare(): void {
    if (this.#verify === undefined || this.#hasFailed) this.#read();
  }

  /** Never throws. False as well as long as the keys are not known: whoever asks again within a moment gets another answer. */
  async isOf(token: string, identity: PodIdentity): Promise<boolean> {
    const claims = await this.#verify?.(token);
    if (claims === undefined || claims === 'unsigned') this.#read();
    return typeof claims === 'object' && isIdentity(claims['kubernetes.io'], identity);
  }

  #read(): void {
    const { clock } = this.#options;
    if (this.#isReading || clock.steady() - this.#readAtMs < keysEveryMs) return;
    this.#isReading = true;
    this.#readAtMs = clock.steady();
    void this.#tryRead().finally(() => {
      this.#isReading = false;
    });
  }

  async #tryRead(): Promise<void> {
    const { api, clock, log } = this.#options;
    try {
      // The library while the answer is on its way.
      const [answer] = await Promise.all([api.send(keys), loadJose()]);
      this.#verify = await verifierOf(expectOk(answer, 'the public keys of service accounts'), clock);
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed)
        log.warn('new pods are reached up to a second later, because the keys that verify their announcements cannot be read', {
          path: keys.path,
          error: String(error),
          remedy: 'bind the ClusterRole system:service-account-issuer-discovery to the server; it is tried again',
        });
      this.#hasFailed = true;
    }
  }
}

/** 6 MB and some milliseconds, which only servers with pods of a cluster spend. */
async function loadJose() {
  const [{ createLocalJWKSet }, { jwtVerify }] = await Promise.all([import('jose/jwks/local'), import('jose/jwt/verify')]);
  return { createLocalJWKSet, jwtVerify };
}

/** Throws for what is no set of keys. */
async function verifierOf(keySet: unknown, clock: Clock): Promise<Verify> {
  const { createLocalJWKSet, jwtVerify } = await loadJose();
  const known = createLocalJWKSet(keySet as JSONWebKeySet);
  return async token => {
    const currentDate = new Date(clock.now());
    const rules = { algorithms, audience: identityAudience, requiredClaims: ['exp'], clockTolerance: skewSeconds, currentDate };
    return jwtVerify(token, known, rules).then(
      ({ payload }) => payload,
      error => (error.code === 'ERR_JWKS_NO_MATCHING_KEY' ? 'unsigned' : 'invalid'),
    );
  };
}

function isIdentity(claims: unknown, { namespace, serviceAccount, pod }: PodIdentity): boolean {
  if (!isRecord(claims) || !isRecord(claims.pod) || !isRecord(claims.serviceaccount)) return false;
  return claims.namespace === namespace && claims.pod.name === pod && claims.serviceaccount.name === serviceAccount;
}
