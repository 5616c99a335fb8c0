import type { CommandSpec } from './command.ts';
import { UsageError } from './usage-error.ts';

export type Found =
  | { readonly kind: 'command'; readonly command: CommandSpec; readonly rest: readonly string[] }
  | { readonly kind: 'overview' };

/** The command that the words begin with. Throws UsageError with the nearest one. */
export async function findCommand(table: readonly CommandSpec[], words: readonly string[]): Promise<Found> {
  const [first = '', second = ''] = words;
  if (first === '' || ((first === '--help' || first === '-h') && words.length === 1)) return { kind: 'overview' };
  const double = table.find(command => command.name === `${first} ${second}`);
  if (double !== undefined) return { kind: 'command', command: double, rest: words.slice(2) };
  const single = table.find(command => command.name === first);
  if (single !== undefined) return { kind: 'command', command: single, rest: words.slice(1) };
  // `faas state --help`: the overview has the whole group.
  if (second === '--help' || second === '-h') return { kind: 'overview' };
  throw await unknownCommand(table, first, second);
}

async function unknownCommand(table: readonly CommandSpec[], first: string, second: string): Promise<UsageError> {
  const { nearest } = await import('../controller/manifest/nearest.ts');
  const group = table.filter(command => command.name.startsWith(`${first} `)).map(command => command.name);
  if (group.length > 0) {
    const near = nearest(`${first} ${second}`, group);
    const choice = `One of: ${group.map(name => `faas ${name}`).join(', ')}`;
    if (second === '' || second.startsWith('-')) return new UsageError(`faas ${first} needs one word more`, choice);
    return new UsageError(`unknown command "${first} ${second}"`, near === undefined ? choice : `Did you mean "faas ${near}"?`);
  }
  if (first.startsWith('-')) return new UsageError(`unknown flag ${first}`, 'Flags stand after the command: faas <command> --flag.');
  const near = nearest(
    first,
    table.map(command => command.name.split(' ')[0] ?? command.name),
  );
  const list = 'faas --help lists all commands.';
  return new UsageError(`unknown command "${first}"`, near === undefined ? list : `Did you mean "faas ${near}"? ${list}`);
}
