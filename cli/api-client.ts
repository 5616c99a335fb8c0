import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Problem } from '../controller/api/contract.ts';
import { CommandFailure } from './failure.ts';

/** A client of the server's HTTP API. Every failure is a CommandFailure that says what to do next. */
export interface ApiClient {
  readonly adminUrl: string;
  /** JSON in, JSON out; `Answer` is the contract's type of the path. */
  get<Answer>(path: string): Promise<Answer>;
  send<Answer>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown, timeoutMs?: number): Promise<Answer>;
  putBytes(path: string, bytes: Uint8Array): Promise<void>;
  /** Opens an answer that goes on, such as server-sent events. */
  open(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<IncomingMessage>;
}

export interface ServerAddress {
  readonly adminUrl: string;
  readonly gatewayUrl: string | undefined;
  readonly token: string;
}

/** The server said no, with its problem document. */
export class ApiRefusal extends CommandFailure {
  readonly problem: Problem;

  constructor(problem: Problem) {
    const [only, ...others] = problem.problems ?? [];
    // The one thing that is wrong is the detail as well: said once.
    const isTold = only !== undefined && others.length === 0 && only.message === problem.detail;
    const told = [only?.at, only?.code === undefined || only.code === problem.code ? undefined : `(${only.code})`]
      .filter(isGiven)
      .join(' ');
    const where = isTold ? [told].filter(line => line !== '') : (problem.problems ?? []).flatMap(entryLines);
    const hint = [isTold ? only.hint : undefined, problem.hint].filter(isGiven).join(' ');
    super(problem.code, problem.detail, { where, hint: hint === '' ? undefined : hint });
    this.problem = problem;
  }
}

/** A hint below a message of several lines would seem to belong to its last one. */
function entryLines({ at, message, hint }: NonNullable<Problem['problems']>[number]): readonly string[] {
  const line = [at, message].filter(isGiven).join(' ');
  if (hint === undefined) return [line];
  return line.includes('\n') ? [line, hint] : [`${line} (${hint})`];
}

function isGiven(text: string | undefined): text is string {
  return text !== undefined;
}

interface ClientOptions {
  readonly timeoutMs: number;
  /** For the words of errors. */
  readonly folder: string;
}

export function apiClient(address: ServerAddress, options: ClientOptions): ApiClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const exchange = async (method: string, path: string, body: Body | undefined, timeoutMs = options.timeoutMs) => {
    const response = await ask(address, agent, { method, path, body, timeoutMs, folder: options.folder });
    return { response, text: await readText(response, address.adminUrl) };
  };
  const json = async <Answer>(method: string, path: string, body: Body | undefined, timeoutMs?: number): Promise<Answer> => {
    const { response, text } = await exchange(method, path, body, timeoutMs);
    if ((response.statusCode ?? 0) >= 300) throw refusal(response, text, address.adminUrl);
    return parseAnswer<Answer>(text, address.adminUrl);
  };
  return {
    adminUrl: address.adminUrl,
    get: path => json('GET', path, undefined),
    send: (method, path, body, timeoutMs) =>
      json(
        method,
        path,
        body === undefined ? undefined : { type: 'application/json', bytes: Buffer.from(JSON.stringify(body)) },
        timeoutMs,
      ),
    putBytes: async (path, bytes) => void (await json('PUT', path, { type: 'application/octet-stream', bytes })),
    async open(path, headers, signal) {
      const response = await ask(address, agent, {
        method: 'GET',
        path,
        body: undefined,
        timeoutMs: options.timeoutMs,
        folder: options.folder,
        headers,
        signal,
      });
      if ((response.statusCode ?? 0) >= 300) throw refusal(response, await readText(response, address.adminUrl), address.adminUrl);
      return response;
    },
  };
}

interface Body {
  readonly type: string;
  readonly bytes: Uint8Array;
}

interface Question {
  readonly method: string;
  readonly path: string;
  readonly body: Body | undefined;
  readonly timeoutMs: number;
  readonly folder: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

async function ask(address: ServerAddress, agent: Agent, question: Question): Promise<IncomingMessage> {
  const url = new URL(address.adminUrl + question.path);
  const secure = url.protocol === 'https:';
  const request = secure ? (await import('node:https')).request : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: question.method,
        headers: {
          authorization: `Bearer ${address.token}`,
          accept: 'application/json',
          ...(question.body === undefined ? {} : { 'content-type': question.body.type, 'content-length': question.body.bytes.byteLength }),
          ...question.headers,
        },
        ...(secure ? {} : { agent }),
        ...(question.signal === undefined ? {} : { signal: question.signal }),
      },
      response => {
        clearTimeout(timer);
        resolve(response);
      },
    );
    const timer = setTimeout(() => sent.destroy(timedOut(address.adminUrl, question.timeoutMs)), question.timeoutMs);
    sent.on('error', cause => {
      clearTimeout(timer);
      reject(cause instanceof CommandFailure || question.signal?.aborted ? cause : unreachable(address.adminUrl, question.folder, cause));
    });
    sent.end(question.body?.bytes);
  });
}

function timedOut(adminUrl: string, timeoutMs: number): CommandFailure {
  return new CommandFailure('FAAS_NO_ANSWER', `no answer from ${adminUrl} within ${timeoutMs} ms`, {
    hint: 'Give it more time with --timeout, or look at the log of the server.',
  });
}

function unreachable(adminUrl: string, folder: string, cause: NodeJS.ErrnoException): CommandFailure {
  if (cause.code === 'ECONNREFUSED' || cause.code === 'ENOTFOUND') {
    return new CommandFailure('FAAS_NO_SERVER', `nothing answers at ${adminUrl}`, {
      where: [`as ${join(folder, 'server.json')} or --server says; the server has probably ended`],
      hint: 'Start one with: faas up',
      cause,
    });
  }
  return new CommandFailure('FAAS_CONNECTION', `the connection to ${adminUrl} broke: ${cause.message}`, {
    hint: 'Look at the log of the server, then try again.',
    cause,
  });
}

async function readText(response: IncomingMessage, adminUrl: string): Promise<string> {
  const parts: Buffer[] = [];
  try {
    for await (const part of response) parts.push(part);
  } catch (cause) {
    throw new CommandFailure('FAAS_CONNECTION', `the answer of ${adminUrl} ended too early`, {
      hint: 'Look at the log of the server, then try again.',
      cause,
    });
  }
  return Buffer.concat(parts).toString('utf8');
}

/** The end of a parser: the server checks its answers against the same contract. */
function parseAnswer<Answer>(text: string, adminUrl: string): Answer {
  if (text === '') return undefined as Answer;
  try {
    return JSON.parse(text) as Answer;
  } catch (cause) {
    throw notFaas(adminUrl, cause);
  }
}

function notFaas(adminUrl: string, cause?: unknown): CommandFailure {
  return new CommandFailure('FAAS_NOT_A_SERVER', `what answers at ${adminUrl} is no faas server`, {
    hint: 'Another program may have its port by now. Name the right one with --server or --data.',
    cause,
  });
}

function refusal(response: IncomingMessage, text: string, adminUrl: string): CommandFailure {
  const problem = problemIn(text);
  if (response.statusCode === 401) {
    return new CommandFailure('FAAS_TOKEN', `the server at ${adminUrl} does not accept the token`, {
      hint: 'Without --token the one in the data folder is used: is --data the folder of this server?',
    });
  }
  if (problem === undefined) return notFaas(adminUrl);
  return new ApiRefusal(problem);
}

function problemIn(text: string): Problem | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isProblem(parsed) ? parsed : undefined;
}

function isProblem(value: unknown): value is Problem {
  return (
    typeof value === 'object' &&
    value !== null &&
    'code' in value &&
    typeof value.code === 'string' &&
    'detail' in value &&
    typeof value.detail === 'string'
  );
}
