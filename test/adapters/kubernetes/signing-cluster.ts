import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { ApiRequest, KubernetesApi } from '../../../controller/adapters/kubernetes/kubernetes-api.ts';
import { annotations } from '../../../controller/adapters/kubernetes/pod-manifest.ts';

export interface SigningKey {
  readonly kid: string;
  readonly algorithm: string;
  readonly privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
  readonly publicJwk: JWK;
}

export async function signingKey(kid: string, algorithm = 'RS256'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm);
  return { kid, algorithm, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' } };
}

/** An API server that signs for pods, and is asked for its keys; it takes every pod and has no node for it. */
export interface SigningCluster extends KubernetesApi {
  keys: readonly SigningKey[];
  /** What it answers instead of its keys. */
  keysAnswer: { readonly status: number; readonly body: unknown } | undefined;
  readonly requests: readonly ApiRequest[];
  keyReads(): number;
  /** The pod that was created last. */
  latest(): PostedPod;
}

export interface PostedPod {
  readonly name: string;
  readonly bootId: string;
  readonly spec: unknown;
}

export function signingCluster(keys: readonly SigningKey[]): SigningCluster {
  const requests: ApiRequest[] = [];
  return {
    keys,
    keysAnswer: undefined,
    requests,
    server: 'https://cluster',
    namespace: 'faas',
    keyReads: () => requests.filter(({ path }) => path === '/openid/v1/jwks').length,
    latest() {
      const { metadata, spec } = Object(requests.findLast(({ method }) => method === 'POST')?.body);
      return { name: metadata.name, bootId: metadata.annotations[annotations.bootId], spec };
    },
    async send(request) {
      requests.push(request);
      if (request.path === '/openid/v1/jwks')
        return this.keysAnswer ?? { status: 200, body: { keys: this.keys.map(({ publicJwk }) => publicJwk) } };
      return { status: 200, body: request.method === 'GET' ? { metadata: { resourceVersion: '1' }, items: [] } : {} };
    },
    follow: (_path, _silentMs, signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true })),
    close() {},
  };
}

/** As the API server writes them for the projected volume of a pod; `change` replaces claims, and takes out those that are undefined. */
export function podClaims(pod: string, nowMs: number, change: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const nowS = Math.floor(nowMs / 1_000);
  const claims = {
    aud: ['faas.internal'],
    exp: nowS + 3_600,
    iat: nowS,
    nbf: nowS,
    iss: 'https://kubernetes.default.svc.cluster.local',
    'kubernetes.io': {
      namespace: 'faas',
      node: { name: 'node', uid: 'n' },
      pod: { name: pod, uid: 'p' },
      serviceaccount: { name: 'functions', uid: 's' },
    },
    sub: 'system:serviceaccount:faas:functions',
    ...change,
  };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}

export function signed({ kid, algorithm, privateKey }: SigningKey, claims: Record<string, unknown>): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid }).sign(privateKey);
}
