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
        {
          headers: { 'retry-after': String(Math.max(1, Math.ceil(answer.retryAfterMs / 1000))) },
        },
      );
    default:
      return answer satisfies never;
  }
}
