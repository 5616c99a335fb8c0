import { printableLines } from './output.ts';
import { UsageError } from './usage-error.ts';

/** What a user can act upon: no stack, `error: what happened (CODE)`, where, and what next. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly code: string;
  readonly where: readonly string[];
  readonly hint: string | undefined;

  constructor(
    code: string,
    message: string,
    parts: { readonly where?: readonly string[]; readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.code = code;
    this.where = parts.where ?? [];
    this.hint = parts.hint;
  }
}

/** Writes what went wrong and answers the exit code: 2 for a command line that makes no sense, 1 for the rest. */
export function reportFailure(cause: unknown, stderr: { write(text: string): unknown }, verbose: boolean): number {
  if (cause instanceof UsageError) {
    stderr.write(failureText(cause.message, cause.code, cause.where, cause.hint));
    return 2;
  }
  if (cause instanceof CommandFailure) {
    stderr.write(failureText(cause.message, cause.code, cause.where, cause.hint));
    if (verbose && cause.cause !== undefined) stderr.write(`${stackOf(cause.cause)}\n`);
    return 1;
  }
  if (isCoded(cause)) {
    stderr.write(failureText(cause.message, cause.code, [], cause.hint));
    if (verbose) stderr.write(`${stackOf(cause)}\n`);
    return 1;
  }
  stderr.write(
    `${failureText(messageOf(cause), 'FAAS_INTERNAL', [], 'This is a mistake of faas, not yours: please report it with these lines.')}${stackOf(cause)}\n`,
  );
  return 1;
}

function failureText(message: string, code: string, where: readonly string[], hint: string | undefined): string {
  const [headline = '', ...further] = printableLines(message).split('\n');
  const lines = [`error: ${headline} (${code})`, ...further.map(line => `  ${line}`), ...where.map(line => `  ${printableLines(line)}`)];
  if (hint !== undefined) lines.push(`hint: ${printableLines(hint)}`);
  return `${lines.join('\n')}\n`;
}

/** Errors of the runtime with one of its codes: their message is meant for people. Compared by code, since a bundle may hold its own copy of the class. */
function isCoded(cause: unknown): cause is Error & { readonly code: string; readonly hint: string | undefined } {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && cause.code.startsWith('FAAS_');
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function stackOf(cause: unknown): string {
  return printableLines(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
}
