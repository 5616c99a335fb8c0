import { ProblemError } from '../api/problem.ts';
import type { DirectAnswer } from './direct-calls.ts';

/** The problem that says why a direct call has no answer. */
export function problemOfAnswer(answer: Exclude<DirectAnswer, { kind: 'ok' }>): ProblemError {
  switch (answer.kind) {
    case 'failed': {
      const { code, name, message } = answer.error;
      const extra = { reason: answer.reason, error: { code, name, message } };
      return new ProblemError('FAAS_CALL_FAILED', `the handler failed: ${answer.reason}`, '`faas logs` has what it printed.', { extra });
    }
    case 'conflict':
      return new ProblemError('FAAS_CALL_CONFLICT', 'other writers kept changing the same keys', 'Call again.', {
        extra: { keys: answer.keys },
      });
    case 'unknown-function':
      return new ProblemError('FAAS_FUNCTION_UNKNOWN', 'no live function has this name', '`faas list` shows what is live.');
    case 'too-deep':
      return new ProblemError('FAAS_CALL_TOO_DEEP', 'more than 16 functions called each other', 'Look for a cycle, or use ctx.start.');
    case 'timeout':
      return new ProblemError('FAAS_CALL_TIMEOUT', 'the call took longer than its deadline', 'Give it longer with X-Faas-Timeout.');
    case 'unavailable':
      return new ProblemError(
        'FAAS_CALL_UNAVAILABLE',
        'no pod of the function became ready in time, or its state could not be read',
        'Call again.',
        { headers: retryAfter(answer.retryAfterMs) },
      );
    case 'stopped':
      return new ProblemError(
        'FAAS_CALL_UNAVAILABLE',
        'the server stopped before the function had answered',
        'Call again: with an Idempotency-Key what was done is not done twice.',
        { headers: retryAfter(answer.retryAfterMs) },
      );
    default:
      return answer satisfies never;
  }
}

/** The same for the handler that made the call, whose error it becomes: it says what failed at the end of the chain, however many calls down that was. */
export function problemForCaller(answer: Exclude<DirectAnswer, { kind: 'ok' }>): ProblemError {
  const problem = problemOfAnswer(answer);
  if (answer.kind !== 'failed') return problem;
  const { code, name, message } = answer.error;
  // The code that stands for none of the handler's own says less than the name.
  const kind = code === 'FAAS_HANDLER_ERROR' ? name : code;
  const root = code === 'FAAS_CALL_FAILED' ? message : `${problem.message}: ${kind}: ${message}`;
  return new ProblemError('FAAS_CALL_FAILED', root.slice(0, rootCharsMax), problem.hint);
}

const rootCharsMax = 500;

/** Whole seconds, at least one. */
function retryAfter(ms: number): Readonly<Record<string, string>> {
  return { 'retry-after': String(Math.max(1, Math.ceil(ms / 1000))) };
}
