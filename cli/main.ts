#!/usr/bin/env node
import type { CommandSpec, Invocation } from './command.ts';
import { flagsOf } from './command-flags.ts';
import { commandTable } from './commands/table.ts';
import { findCommand } from './find-command.ts';
import type { FlagSpec } from './flag-spec.ts';

/** The command line: finds the command, loads only its body, and turns how it ends into an exit code. */
async function main(words: readonly string[]): Promise<number> {
  const asked = words[0] === 'help' ? [...words.slice(1), '--help'] : words[0] === '--version' ? ['version', ...words.slice(1)] : words;
  const found = await findCommand(commandTable, asked);
  if (found.kind === 'overview') {
    const { overview } = await import('./help.ts');
    process.stdout.write(`${overview(commandTable)}\n`);
    return 0;
  }
  const flags = await flagsOf(found.command);
  if (wantsHelp(found.rest) || process.env.FAAS_HELP === '1' || process.env.FAAS_HELP === 'true') {
    const { commandHelp } = await import('./help.ts');
    process.stdout.write(`${commandHelp(found.command, flags)}\n`);
    return 0;
  }
  return run(found.command, flags, found.rest);
}

function wantsHelp(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return words.slice(0, end < 0 ? words.length : end).some(word => word === '--help' || word === '-h');
}

async function run(command: CommandSpec, flags: readonly FlagSpec[], words: readonly string[]): Promise<number> {
  const [{ parseArguments }, { createOutput }] = await Promise.all([import('./arguments.ts'), import('./output.ts')]);
  const args = await parseArguments(command, flags, words, process.env);
  const format = flags.some(flag => flag.name === 'output') ? args.text('output') : undefined;
  const out = createOutput({
    format: format === 'json' || format === 'yaml' ? format : 'table',
    quiet: args.on('quiet'),
    verbose: args.on('verbose'),
    noColor: args.on('no-color'),
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
  });
  const graceful = command.graceful === true;
  const { signal, onHolding } = stopOnSignals(graceful);
  if (!graceful) endWithReader();
  const { run: body } = await command.load();
  const code = await body({ args, out, signal, onHolding, env: process.env, cwd: process.cwd(), stdin: process.stdin });
  return signal.aborted && signal.reason === 'SIGINT' ? 130 : code;
}

/** A command that holds something open stops by itself after the first signal; every other one, one that is only starting, and any second signal, ends at once. */
function stopOnSignals(graceful: boolean): Pick<Invocation, 'signal' | 'onHolding'> {
  const controller = new AbortController();
  let holds = false;
  const stop = (name: 'SIGINT' | 'SIGTERM') => {
    if (!graceful || !holds || controller.signal.aborted) process.exit(name === 'SIGINT' ? 130 : 143);
    controller.abort(name);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const onHolding = () => {
    holds = true;
  };
  return { signal: controller.signal, onHolding };
}

/** A reader that has seen enough (`| head`) is no failure. A server goes on without one: whoever collected its log may be back. */
function endWithReader(): void {
  process.stdout.on('error', exitOnEpipe);
  process.stderr.on('error', exitOnEpipe);
}

function exitOnEpipe({ code }: NodeJS.ErrnoException): void {
  if (code === 'EPIPE') process.exit(0);
}

function passEpipe(cause: NodeJS.ErrnoException): void {
  if (cause.code !== 'EPIPE') throw cause;
}

process.stdout.on('error', passEpipe);
process.stderr.on('error', passEpipe);
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (cause) {
  const { reportFailure } = await import('./failure.ts');
  process.exitCode = reportFailure(cause, process.stderr, process.argv.includes('--verbose') || process.argv.includes('-v'));
}
