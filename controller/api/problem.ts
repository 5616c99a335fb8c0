import { type ErrorCode, isErrorCode, statusOf, titleOf } from '../error-codes.ts';
import { FaasError } from '../errors.ts';
import type { Problem } from './contract.ts';

export type ProblemEntry = NonNullable<Problem['problems']>[number];

/** An error that answers more than code, detail and hint: a list of what is wrong, members of its own, a header. */
export class ProblemError extends FaasError {
  readonly problems: readonly ProblemEntry[] | undefined;
  readonly extra: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    message: string,
    hint?: string,
    more: {
      problems?: readonly ProblemEntry[];
      extra?: Readonly<Record<string, unknown>>;
      headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(code, message, hint);
    this.problems = more.problems;
    this.extra = more.extra ?? {};
    this.headers = more.headers ?? {};
  }
}

/** RFC 9457. An error that is not ours is answered without its message: that may hold anything. */
export function problemOf(error: unknown, requestId: string): Problem {
  if (!isFaasError(error) || !isErrorCode(error.code)) {
    const detail = `Request ${requestId} failed.`;
    return problem('FAAS_INTERNAL', detail, `The server's log has the cause under requestId ${requestId}.`);
  }
  const more = error instanceof ProblemError ? { ...error.extra, ...(error.problems && { problems: [...error.problems] }) } : {};
  return { ...problem(error.code, error.message, error.hint), ...more };
}

function problem(code: ErrorCode, detail: string, hint: string | undefined): Problem {
  return {
    type: `urn:faas:error:${code}`,
    title: titleOf(code),
    status: statusOf(code),
    code,
    detail,
    ...(hint !== undefined && { hint }),
  };
}

function isFaasError(error: unknown): error is FaasError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.name === 'FaasError';
}
