import type { IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import { FaasError } from '../../errors.ts';
import type { ClusterUser } from './cluster-user.ts';
import { readInCluster } from './in-cluster.ts';
import { readKubeconfig, usualKubeconfig } from './kubeconfig.ts';
import { isRecord } from './kubernetes-object.ts';

export interface KubernetesPlace {
  /** A kubeconfig; without one the service account of the pod that this runs in, or what `kubectl` would use. */
  readonly kubeconfigFile?: string;
  readonly contextName?: string;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From the root of the API server, with its query: `/api/v1/namespaces/default/pods?limit=500`. */
  readonly path: string;
  readonly body?: unknown;
  /** Of a PATCH: which of the API server's ways to merge. */
  readonly contentType?: string;
  /** Of the answer; it is JSON. */
  readonly accept?: string;
  readonly signal?: AbortSignal;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** The API server, as one user: what goes wrong on the way there is thrown, what it answers is an answer. */
export interface KubernetesApi {
  readonly server: string;
  /** The namespace of the context, or of the pod that this runs in. */
  readonly namespace: string;
  send(request: ApiRequest): Promise<ApiAnswer>;
  /** The pieces of an answer as they come; `silentMs` without one ends it with an error. */
  follow(path: string, silentMs: number, signal: AbortSignal): Promise<{ readonly status: number; readonly pieces: AsyncIterable<Buffer> }>;
  close(): void;
}

/** No answer of the API server that we ask for takes longer; a watch is a request of its own kind. */
const answerMs = 30_000;
/** What is only read is there at once. Without a word for so long a connection has died, and the next one may not have. */
const readSilentMs = 8_000;
/** A list of 500 objects of 1 MiB each is not asked for: pages are. */
const answerBytesMax = 256 << 20;

/** Reads the configuration; connects with the first request. A kubeconfig that is not plain loads its client, 0.6 s and 80 MB, here and not before. */
export async function openKubernetesApi(place: KubernetesPlace): Promise<KubernetesApi> {
  const user = await plainUser(place);
  return user === undefined ? openWithClient(place) : new HttpsApi(user);
}

async function plainUser({ kubeconfigFile, contextName }: KubernetesPlace): Promise<ClusterUser | undefined> {
  const inside = kubeconfigFile === undefined && contextName === undefined ? await readInCluster() : undefined;
  const file = kubeconfigFile ?? usualKubeconfig(process.env);
  return inside ?? (file === undefined ? undefined : readKubeconfig(file, contextName));
}

async function openWithClient(place: KubernetesPlace): Promise<KubernetesApi> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    if (place.kubeconfigFile === undefined) config.loadFromDefault();
    else config.loadFromFile(place.kubeconfigFile);
    if (place.contextName !== undefined) config.setCurrentContext(place.contextName);
  } catch (error) {
    throw new FaasError(
      'FAAS_KUBERNETES_CONFIG',
      `the kubeconfig cannot be read: ${String(error)}`,
      'Check it with `kubectl config view`.',
    );
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    const name = config.getCurrentContext();
    throw new FaasError(
      'FAAS_KUBERNETES_CONFIG',
      `the kubeconfig has no context "${name}"`,
      'List them with `kubectl config get-contexts`.',
    );
  }
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
  return new HttpsApi({ server: cluster.server, namespace, authorise: options => config.applyToHTTPSOptions(options) });
}

class HttpsApi implements KubernetesApi {
  readonly server: string;
  readonly namespace: string;
  /** A token that a program or a file brings is renewed by it. */
  readonly #authorise: ClusterUser['authorise'];
  #agent: Agent | undefined;

  constructor({ server, namespace, authorise }: ClusterUser) {
    this.server = server;
    this.namespace = namespace;
    this.#authorise = authorise;
  }

  async send({ method, path, body, contentType = 'application/json', accept, signal }: ApiRequest): Promise<ApiAnswer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      ...(text !== undefined && { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }),
      ...(accept !== undefined && { accept }),
    };
    const limit = AbortSignal.timeout(answerMs);
    const response = await this.#request(
      { method, headers, ...(method === 'GET' && { timeout: readSilentMs }) },
      path,
      text,
      signal === undefined ? limit : AbortSignal.any([signal, limit]),
    );
    const pieces: Buffer[] = [];
    let bytes = 0;
    for await (const piece of response) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > answerBytesMax) throw this.#unreachable(path, `an answer of more than ${answerBytesMax} bytes`);
    }
    return { status: response.statusCode ?? 0, body: readBody(Buffer.concat(pieces).toString('utf8')) };
  }

  async follow(path: string, silentMs: number, signal: AbortSignal): Promise<{ status: number; pieces: AsyncIterable<Buffer> }> {
    const response = await this.#request({ method: 'GET', timeout: silentMs }, path, undefined, signal);
    response.setTimeout(silentMs, () => {
      this.#forgetIdle();
      response.destroy(new Error(`nothing came for ${silentMs} ms`));
    });
    return { status: response.statusCode ?? 0, pieces: response };
  }

  close(): void {
    this.#agent?.destroy();
  }

  async #request(options: RequestOptions, path: string, body: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
    const whole: RequestOptions = { ...options, headers: { accept: 'application/json', ...options.headers } };
    await this.#authorise(whole);
    const { ca, cert, key, rejectUnauthorized, servername } = whole;
    // One pool for all requests: connections to the API server are dear, on both sides.
    this.#agent ??= new Agent({ keepAlive: true, ca, cert, key, rejectUnauthorized, servername });
    return new Promise((resolve, reject) => {
      const outgoing = request(`${this.server}${path}`, { ...whole, agent: this.#agent, signal });
      outgoing.once('response', resolve);
      outgoing.once('error', error => {
        this.#forgetIdle();
        reject(this.#unreachable(path, error.message));
      });
      outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in time')));
      outgoing.end(body);
    });
  }

  /** Where one connection died, those that wait for their next request may have died with it, and nobody would say so. */
  #forgetIdle(): void {
    for (const sockets of Object.values(this.#agent?.freeSockets ?? {})) for (const socket of sockets ?? []) socket.destroy();
  }

  #unreachable(path: string, why: string): FaasError {
    return new FaasError(
      'FAAS_KUBERNETES_UNREACHABLE',
      `the API server ${this.server} did not answer ${path.split('?')[0]}: ${why}`,
      'Check the address in the kubeconfig and the network; it is tried again.',
    );
  }
}

/** What is no JSON is a message. */
export function readBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { message: text.slice(0, 1_000) };
  }
}

/** What a request wanted to do with a collection, for whoever has to allow it. */
export interface Access {
  readonly verb: 'list' | 'watch';
  /** Of the collection: `/apis/apps/v1/namespaces/prod/deployments`. */
  readonly path: string;
}

/** The answer's body, or an error that says what the API server said. `what`: in a few words, what was tried. */
export function expectOk(answer: ApiAnswer, what: string, access?: Access): unknown {
  if (answer.status < 300) return answer.body;
  throw refusalOf(answer, what, access);
}

export function refusalOf({ status, body }: ApiAnswer, what: string, access?: Access): FaasError {
  const { message, reason } = isRecord(body) ? body : {};
  const text = `${what}: the API server refuses it with ${status}${reason === undefined ? '' : ` ${String(reason)}`}: ${String(message ?? '')}`;
  return new FaasError('FAAS_KUBERNETES_REFUSED', text, hintOf(status, access));
}

function hintOf(status: number, access: Access | undefined): string | undefined {
  if (status === 401) return 'Check who the server is there: the token of its service account, or its kubeconfig.';
  if (status === 403) return access === undefined ? grantHint : `Grant it to the server; ${askHint(access)}`;
  if (status === 404 && access !== undefined) return 'See with `kubectl api-resources` whether the kind is still there; it is tried again.';
  return undefined;
}

const grantHint = 'Grant it to the server: helm/README.md says what it needs, and what for.';

function askHint(access: Access): string {
  return (
    `\`kubectl auth can-i ${wordsOf(access)} --as <that user>\` says whether it is. ` +
    '`faas deploy --dry-run` shows what resource triggers need.'
  );
}

/** As kubectl has it: `list deployments.apps --namespace prod`. */
function wordsOf({ verb, path }: Access): string {
  const [, root, first = '', ...rest] = path.split('/');
  const group = root === 'apis' ? `.${first}` : '';
  const [resource = '', namespace] = rest.includes('namespaces') ? [rest.at(-1), rest.at(-2)] : [rest.at(-1)];
  return `${verb} ${resource}${group} ${namespace === undefined ? '--all-namespaces' : `--namespace ${namespace}`}`;
}
