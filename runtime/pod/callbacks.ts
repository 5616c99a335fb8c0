import type { Agent, request as httpRequest } from 'node:http';
import { decodeUtf8, encodeUtf8, isArray, NativePromise, parseJson, stringifyJson } from '../protocol/intrinsics.ts';
import type { BatchState } from '../protocol/messages.ts';
import { FaasError } from '../sdk/errors.ts';
import type { CallAnswer, CallRequest } from './function-host.ts';

const later = setImmediate;
const stateTimeoutMs = 10_000;
const answerBytesMax = 32 * 2 ** 20;

/** The way back to the server, under the token of the batch: reads of state, and calls of other functions (docs/wire.md). */
export interface Callbacks {
  /** Reads that are asked for in one turn travel as one request. */
  readState(batchToken: string, keys: readonly string[]): Promise<readonly BatchState[]>;
  call(batchToken: string, request: CallRequest): Promise<CallAnswer>;
}

interface Pending {
  readonly keys: string[];
  readonly answer: Promise<ReadonlyMap<string, BatchState>>;
}

export function createCallbacks(baseUrl: () => string): Callbacks {
  const pending = new Map<string, Pending>();
  const fetchState = async (batchToken: string, keys: readonly string[]): Promise<ReadonlyMap<string, BatchState>> => {
    await new NativePromise<void>(resolve => later(resolve));
    pending.delete(batchToken);
    const answer = await post(`${baseUrl()}/internal/v1/state`, batchToken, { keys }, stateTimeoutMs).catch(unread);
    const entries = readEntries(answer.body, answer.status);
    return new Map(entries.map(entry => [entry.key, entry]));
  };
  return {
    async readState(batchToken, keys) {
      let shared = pending.get(batchToken);
      if (shared === undefined) {
        const asked: string[] = [];
        shared = { keys: asked, answer: fetchState(batchToken, asked) };
        pending.set(batchToken, shared);
      }
      shared.keys.push(...keys.filter(key => !shared.keys.includes(key)));
      const found = await shared.answer;
      return keys.map(key => found.get(key) ?? { key, version: null, value: undefined });
    },
    async call(batchToken, request) {
      try {
        return readAnswer(await post(`${baseUrl()}/internal/v1/call`, batchToken, request, request.timeoutMs + 1_000));
      } catch (error) {
        return {
          kind: 'failed',
          code: 'FAAS_CALL_UNAVAILABLE',
          message: `the call was not answered: ${error instanceof Error ? error.message : 'unknown'}`,
        };
      }
    },
  };
}

/** The way there, or the store behind the server. */
function unread(cause: unknown): never {
  const facts = cause instanceof Error ? cause.message : 'no answer';
  throw new FaasError('FAAS_STATE_READ', `the state could not be read: ${facts}`, 'The event is handled again.', { cause });
}

function readEntries(body: unknown, status: number): readonly BatchState[] {
  if (status >= 400 && status < 500) {
    throw new FaasError('FAAS_STATE_REFUSED', `the state was not read: the server answered ${status}`, 'Read fewer keys at a time.');
  }
  const entries = status === 200 && typeof body === 'object' && body !== null ? Reflect.get(body, 'entries') : undefined;
  if (!isArray(entries)) return unread(new Error(`the server answered ${status}`));
  return entries.map(entry => {
    const { key, version, value } = entry as { key: string; version: string | null; value: string | null };
    return { key, version, value: value === null ? undefined : encodeUtf8(value) };
  });
}

function readAnswer({ status, body }: Answer): CallAnswer {
  if (typeof body !== 'object' || body === null)
    return { kind: 'failed', code: 'FAAS_CALL_UNAVAILABLE', message: `the server answered ${status}` };
  if (status === 200 || status === 202) {
    const answer: unknown = Reflect.get(body, 'answer');
    return { kind: 'ok', answer: typeof answer === 'string' ? answer : undefined };
  }
  const code: unknown = Reflect.get(body, 'code');
  const detail: unknown = Reflect.get(body, 'detail');
  return {
    kind: 'failed',
    code: typeof code === 'string' ? code : 'FAAS_CALL_FAILED',
    message: typeof detail === 'string' ? detail : `the server answered ${status}`,
  };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

let http: Promise<{ readonly request: typeof httpRequest; readonly agent: Agent }> | undefined;

/** Loaded by the first function that needs it: most pods never do. */
function loadHttp() {
  http ??= import('node:http').then(module => ({
    request: module.request,
    agent: new module.Agent({ keepAlive: true, maxSockets: 16, timeout: 60_000 }),
  }));
  return http;
}

async function post(url: string, batchToken: string, payload: unknown, timeoutMs: number): Promise<Answer> {
  const { request, agent } = await loadHttp();
  const body = encodeUtf8(stringifyJson(payload) ?? '');
  const headers = { authorization: `Bearer ${batchToken}`, 'content-type': 'application/json', 'content-length': body.length };
  return new NativePromise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent, headers }, response => {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      response.on('data', (chunk: Uint8Array) => {
        bytes += chunk.length;
        if (bytes > answerBytesMax) response.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parsed(chunks) }));
    });
    sent.setTimeout(Math.min(timeoutMs, 2 ** 31 - 1), () => sent.destroy(new Error('time is over')));
    sent.on('error', reject);
    sent.end(body);
  });
}

function parsed(chunks: readonly Uint8Array[]): unknown {
  try {
    return parseJson(decodeUtf8(Buffer.concat(chunks)));
  } catch {
    return undefined;
  }
}
