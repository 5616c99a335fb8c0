import { type IncomingMessage, request } from 'node:http';
import { wireVersion } from '../../../runtime/protocol/messages.ts';
import { wireVersionHeader } from '../../../runtime/protocol/version.ts';
import { isRecord } from './kubernetes-object.ts';

/** What a pod says of itself while somebody is attached to it. */
export type PodLine =
  | { readonly kind: 'draining' | 'replaced' }
  | { readonly kind: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly kind: 'exit'; readonly reason: string };

export interface PodStatusLine {
  readonly bootId: string;
  readonly state: string;
  readonly unit: string | undefined;
  readonly revision: string | undefined;
  readonly handler: 'event' | 'batch' | undefined;
}

const answerMs = 2_000;
/** It says `alive` every two seconds. */
const silentMs = 10_000;
const lineBytesMax = 2 ** 20;
/** Authors' code runs beside the shim: what comes from there is never trusted to be short. */
const answerBytesMax = 64 * 2 ** 10;

/** The parent's side of the wire to one pod, apart from its batches (docs/wire.md, "A pod without a parent process"). Throws what the network throws. */
export class PodLink {
  readonly address: string;
  readonly #token: string;

  constructor(address: string, token: string) {
    this.address = address;
    this.#token = token;
  }

  async status(): Promise<PodStatusLine> {
    const body = await readJson(await this.#send('GET', '/v1/status', undefined, AbortSignal.timeout(answerMs)));
    const { bootId, state, unit, revision, handler } = isRecord(body) ? body : {};
    return {
      bootId: String(bootId),
      state: String(state),
      unit: typeof unit === 'string' ? unit : undefined,
      revision: typeof revision === 'string' ? revision : undefined,
      handler: handler === 'event' || handler === 'batch' ? handler : undefined,
    };
  }

  /** Resolves when the pod has taken us for its parent; `lines` end, or throw, when the connection does. */
  async attach(callbackUrl: string): Promise<AsyncIterable<PodLine>> {
    return readLines(await this.#send('POST', '/v1/attach', { callbackUrl }));
  }

  async stop(graceMs: number): Promise<void> {
    await readJson(await this.#send('POST', '/v1/stop', { graceMs }, AbortSignal.timeout(answerMs)));
  }

  /** The pod ends without an answer. */
  async kill(): Promise<void> {
    await this.#send('POST', '/v1/kill', {});
  }

  /** `signal`: for the answer as a whole. */
  #send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<IncomingMessage> {
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${this.#token}`,
      [wireVersionHeader]: String(wireVersion),
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(`${this.address}${path}`, { method, headers, agent: false, timeout: answerMs, ...(signal && { signal }) });
      outgoing.once('error', reject);
      outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in time')));
      outgoing.once('response', response => {
        if ((response.statusCode ?? 500) < 300) return resolve(response);
        response.destroy();
        reject(new Error(`${path} was answered with ${response.statusCode}`));
      });
      outgoing.end(text);
    });
  }
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > answerBytesMax) throw new Error('the answer of a pod is too long');
  }
  return JSON.parse(Buffer.concat(pieces).toString('utf8'));
}

async function* readLines(response: IncomingMessage): AsyncIterable<PodLine> {
  response.setTimeout(silentMs, () => response.destroy(new Error(`nothing came for ${silentMs} ms`)));
  response.setEncoding('utf8');
  let rest = '';
  for await (const piece of response) {
    const lines = `${rest}${piece}`.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > lineBytesMax) throw new Error('a line of a pod is too long');
    for (const line of lines) {
      const read = readLine(line);
      if (read !== undefined) yield read;
    }
  }
}

/** `undefined` for `alive`, and for what a newer pod may say. */
function readLine(text: string): PodLine | undefined {
  const line: unknown = JSON.parse(text);
  if (!isRecord(line)) return undefined;
  if (line.kind === 'draining' || line.kind === 'replaced') return { kind: line.kind };
  if (line.kind === 'exit') return { kind: 'exit', reason: String(line.reason) };
  if (line.kind !== 'output') return undefined;
  return { kind: 'output', stream: line.stream === 'stderr' ? 'stderr' : 'stdout', text: String(line.text) };
}
