import { usageOf } from './arguments.ts';
import type { CommandSpec } from './command.ts';
import { flagsOf } from './command-flags.ts';
import { globalFlags } from './commands/flags.ts';
import { commandTable } from './commands/table.ts';
import { failureCodes } from './failure-codes.ts';
import { envOf, type FlagSpec } from './flag-spec.ts';

/** docs/reference/cli.md, made of the command table. */
export async function cliReference(): Promise<string> {
  const sections = await Promise.all(commandTable.map(sectionOf));
  return `${[introduction, ...sections, failures].join('\n\n')}\n`;
}

const introduction = `# The \`faas\` command

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 failed, 2 the command line makes no sense, 130 ended by Ctrl-C.
Every flag has a variable that says the same; a flag on the command line comes first. Names of functions and streams are \`<context>.<name>\`;
without a context, that of \`--context\` or of \`./faas.yaml\` is meant.

Every command takes:

${flagTable(globalFlags)}`;

const failures = `## Failures

What the command itself can fail with. Codes of the server and of the manifest are on pages of their own.

| code | meaning |
| --- | --- |
${Object.entries(failureCodes)
  .map(([code, meaning]) => `| \`${code}\` | ${meaning} |`)
  .join('\n')}`;

async function sectionOf(command: CommandSpec): Promise<string> {
  const common = new Set(globalFlags.map(flag => flag.name));
  const flags = (await flagsOf(command)).filter(flag => !common.has(flag.name));
  const usage = ['faas', command.name, usageOf(command.args), flags.length > 0 ? '[flags]' : ''].filter(part => part !== '').join(' ');
  const parts = [`## faas ${command.name}`, `${command.summary}.`, `\`\`\`\n${usage}\n\`\`\``];
  if (command.args.length > 0) parts.push(command.args.map(argument => `- \`${argument.name}\`: ${argument.meaning}`).join('\n'));
  if (flags.length > 0) parts.push(flagTable(flags));
  parts.push(`\`\`\`sh\n${command.examples.join('\n')}\n\`\`\``);
  return parts.join('\n\n');
}

function flagTable(flags: readonly FlagSpec[]): string {
  return ['| flag | variable | meaning |', '| --- | --- | --- |', ...flags.map(rowOf)].join('\n');
}

function rowOf(flag: FlagSpec): string {
  const short = flag.short === undefined ? '' : `\`-${flag.short}\`, `;
  const value = flag.kind === 'switch' ? '' : ` <${flag.label ?? 'value'}>`;
  const choices = flag.choices === undefined ? '' : ` One of ${flag.choices.join(', ')}.`;
  const usual = flag.default === undefined ? '' : ` Usually \`${flag.default}\`.`;
  return `| ${short}\`--${flag.name}${value}\` | \`${envOf(flag)}\` | ${escapeCell(`${flag.meaning}${choices}${usual}`)} |`;
}

/** A bar ends a cell, and <words> outside of code are HTML. */
function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/`[^`]*`|</g, part => (part === '<' ? '&lt;' : part));
}
