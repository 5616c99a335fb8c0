import type { DeployAnswer, DropAnswer, Problem, ReplayAnswer, RollbackRequest } from '../api/contract.ts';
import type { SessionAnswer } from '../api/live-schema.ts';
import { pathTo } from '../api/paths.ts';

/** The server said no, or did not answer. */
export class ApiFailure extends Error {
  readonly status: number;
  readonly hint: string | undefined;

  constructor(message: string, status: number, hint?: string) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

let csrf: string | undefined;

/** `Answer` is the contract's type of the path: the server checks what it says against the same contract. */
export async function get<Answer>(path: string): Promise<Answer> {
  return ask<Answer>('GET', path);
}

export async function readSession(): Promise<SessionAnswer> {
  const session = await ask<SessionAnswer>('GET', pathTo('session', {}));
  csrf = session.csrf;
  return session;
}

export async function signIn(code: string): Promise<void> {
  csrf = (await ask<SessionAnswer>('POST', pathTo('signIn', {}), { code })).csrf;
}

export async function signOut(): Promise<void> {
  await change('DELETE', pathTo('session', {}));
  csrf = undefined;
}

export interface FunctionName {
  readonly context: string;
  readonly function: string;
}

export async function replay(name: FunctionName, ids: readonly string[] | 'all'): Promise<ReplayAnswer> {
  return change<ReplayAnswer>('POST', pathTo('replay', name), ids === 'all' ? { all: true } : { ids });
}

export async function drop(name: FunctionName, ids: readonly string[]): Promise<DropAnswer> {
  return change<DropAnswer>('POST', pathTo('drop', name), { ids });
}

export async function rollBack(name: FunctionName, revision: string): Promise<DeployAnswer> {
  const request: RollbackRequest = { revision };
  return change<DeployAnswer>('POST', pathTo('rollback', name), request);
}

/** The header is that of the session; one that began since (in another tab) has another. */
async function change<Answer>(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<Answer> {
  if (csrf === undefined) await readSession();
  return ask<Answer>(method, path, body);
}

async function ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(path, {
    method,
    headers: {
      ...(csrf !== undefined && method !== 'GET' && { 'x-faas-csrf': csrf }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new ApiFailure('the server does not answer', 0, 'Is it running? The page tries again by itself.');
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer as Answer;
  if (response.status === 403) csrf = undefined;
  const problem = answer as Partial<Problem> | undefined;
  throw new ApiFailure(problem?.detail ?? `the server answered ${response.status}`, response.status, problem?.hint);
}
