import type { ApiRefusal } from './api-client.ts';
import { CommandFailure } from './failure.ts';

/** A direct call that the server refused. One whose handler failed says what the handler threw; its stack, where the answer has one, is the cause. */
export function callFailure(refusal: ApiRefusal): CommandFailure {
  const { code, hint, reason, error } = refusal.problem as Readonly<Record<string, unknown>>;
  if (code !== 'FAAS_CALL_FAILED' || !isThrown(error)) return refusal;
  const kind = reason === undefined || reason === 'error' ? '' : ` (${String(reason)})`;
  const cause = typeof error.stack === 'string' ? Object.assign(new Error(error.message), { stack: error.stack }) : undefined;
  return new CommandFailure(code, `the handler failed${kind}: ${thrownText(error)}`, {
    hint: typeof hint === 'string' ? hint : undefined,
    cause,
  });
}

interface Thrown {
  readonly name: string;
  readonly message: string;
  readonly code?: unknown;
  readonly stack?: unknown;
}

/** As Node prints it: `TypeError [ERR_INVALID_ARG_TYPE]: ...`. The code that stands for no code of the handler's own says nothing. */
function thrownText({ name, message, code }: Thrown): string {
  return `${name}${typeof code === 'string' && code !== 'FAAS_HANDLER_ERROR' ? ` [${code}]` : ''}: ${message}`;
}

function isThrown(value: unknown): value is Thrown {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'message' in value &&
    typeof value.message === 'string'
  );
}
