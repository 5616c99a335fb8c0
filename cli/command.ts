import type { Arguments } from './arguments.ts';
import type { ArgumentSpec, FlagSpec } from './flag-spec.ts';
import type { Output } from './output.ts';

/** One row of the command table: help, completion, reference and parsing all come from it. */
export interface CommandSpec {
  /** One or two words: `deploy`, `state get`. */
  readonly name: string;
  readonly summary: string;
  readonly args: readonly ArgumentSpec[];
  readonly flags: readonly FlagSpec[];
  /** Every setting of the server is a flag as well. */
  readonly settings?: true;
  /** Holds something open: stops by itself after the first Ctrl-C, and ends at once at the second one. Without it, and before it holds anything, the first one does. */
  readonly graceful?: true;
  readonly examples: readonly string[];
  /** Loaded only when this command is asked for. */
  readonly load: () => Promise<{ readonly run: CommandBody }>;
}

/** The exit code: 0 well, 1 failed. Usage errors (2) are thrown as UsageError. */
export type CommandBody = (invocation: Invocation) => Promise<number>;

export interface Invocation {
  readonly args: Arguments;
  readonly out: Output;
  /** Aborts at the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Of a graceful command, when it holds something open: from now on it stops by itself. */
  onHolding(): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: NodeJS.ReadStream;
}
