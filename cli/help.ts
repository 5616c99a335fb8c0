import { usageOf } from './arguments.ts';
import type { CommandSpec } from './command.ts';
import { envOf, type FlagSpec } from './flag-spec.ts';

export function overview(table: readonly CommandSpec[]): string {
  const width = Math.max(...table.map(command => command.name.length)) + 3;
  const groups: readonly (readonly [string, readonly string[]])[] = [
    ['Begin', ['init', 'dev', 'up', 'dashboard', 'deploy']],
    ['Use', ['list', 'describe', 'invoke', 'emit', 'logs']],
    [
      'Look inside',
      [
        'state get',
        'state list',
        'lag',
        'scale explain',
        'scale simulate',
        'tune',
        'revisions',
        'offsets show',
        'replays list',
        'parked list',
        'dlq list',
        'dlq show',
        'doctor',
      ],
    ],
    ['Handle again', ['dlq replay', 'dlq drop', 'parked replay', 'replay', 'replays cancel', 'offsets set']],
    [
      'Manage',
      [
        'scale set',
        'scale clear',
        'secret list',
        'secret check',
        'config',
        'rollback',
        'state accept-rollback',
        'delete',
        'version',
        'completion',
      ],
    ],
    ['Elsewhere', ['context list', 'context add', 'context use', 'context remove', 'crds apply']],
  ];
  const lines = ['faas: event-driven functions on your own machines', '', 'Usage: faas <command> [arguments] [flags]'];
  for (const [title, names] of groups) {
    lines.push('', title);
    for (const command of table.filter(candidate => names.includes(candidate.name))) {
      lines.push(`  ${command.name.padEnd(width)}${command.summary}`);
    }
  }
  lines.push('', 'faas <command> --help shows arguments, flags and examples. Every flag can be set by a FAAS_* variable.');
  return lines.join('\n');
}

export function commandHelp(command: CommandSpec, flags: readonly FlagSpec[]): string {
  const usage = ['faas', command.name, usageOf(command.args), '[flags]'].filter(part => part !== '').join(' ');
  const sections = [`${command.summary}`, `Usage: ${usage}`];
  if (command.args.length > 0) sections.push(`Arguments\n${columns(command.args.map(argument => [argument.name, argument.meaning]))}`);
  sections.push(`Flags\n${columns(flags.map(flag => [flagUsage(flag), flagMeaning(flag)]))}`);
  sections.push(`Examples\n${command.examples.map(example => `  ${example}`).join('\n')}`);
  return sections.join('\n\n');
}

/** `-o, --output <format>` */
export function flagUsage(flag: FlagSpec): string {
  const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
  return `${short}--${flag.name}${flag.kind === 'switch' ? '' : ` <${flag.label ?? 'value'}>`}`;
}

export function flagMeaning(flag: FlagSpec): string {
  const choices = flag.choices === undefined ? '' : ` One of ${flag.choices.join(', ')}.`;
  const usual = flag.default === undefined || flag.default === '' ? '' : ` Usually ${flag.default}.`;
  return `${flag.meaning}${choices}${usual} [${envOf(flag)}]`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 3;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`).join('\n');
}
