import { parseArgs } from 'node:util';
import { parseDuration } from '../controller/manifest/units.ts';
import { type ArgumentSpec, envOf, type FlagSpec } from './flag-spec.ts';
import { UsageError } from './usage-error.ts';

export type Origin = 'flag' | 'env' | 'default';
type Value = string | boolean | readonly string[];

/** What a command was given, checked against its row of the table. Asking for a flag that the row does not have is our mistake and throws. */
export class Arguments {
  readonly #positionals: ReadonlyMap<string, readonly string[]>;
  readonly #flags: ReadonlyMap<string, { readonly value: Value | undefined; readonly origin: Origin }>;

  constructor(
    positionals: ReadonlyMap<string, readonly string[]>,
    flags: ReadonlyMap<string, { readonly value: Value | undefined; readonly origin: Origin }>,
  ) {
    this.#positionals = positionals;
    this.#flags = flags;
  }

  argument(name: string): string | undefined {
    return this.all(name)[0];
  }

  required(name: string): string {
    const value = this.argument(name);
    if (value === undefined) throw new Error(`argument ${name} is not a required one of this command`);
    return value;
  }

  all(name: string): readonly string[] {
    return this.#positionals.get(name) ?? [];
  }

  on(flag: string): boolean {
    return this.#flag(flag).value === true;
  }

  text(flag: string): string | undefined {
    const { value } = this.#flag(flag);
    return typeof value === 'string' ? value : undefined;
  }

  list(flag: string): readonly string[] {
    const { value } = this.#flag(flag);
    return Array.isArray(value) ? value : [];
  }

  number(flag: string): number | undefined {
    const value = this.text(flag);
    return value === undefined ? undefined : Number(value);
  }

  /** Milliseconds. */
  duration(flag: string): number | undefined {
    const value = this.text(flag);
    return value === undefined ? undefined : parseDuration(value);
  }

  origin(flag: string): Origin {
    return this.#flag(flag).origin;
  }

  #flag(name: string) {
    const flag = this.#flags.get(name);
    if (flag === undefined) throw new Error(`flag --${name} is not in the table for this command`);
    return flag;
  }
}

/** What parsing needs to know of a command. */
interface Parsed {
  readonly name: string;
  readonly args: readonly ArgumentSpec[];
}

/** Throws UsageError. `words` are what follows the command's name. */
export async function parseArguments(
  command: Parsed,
  flags: readonly FlagSpec[],
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Arguments> {
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(flags.map(flag => [flag.name, optionOf(flag)])),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const given = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const flag = flags.find(candidate => candidate.name === token.name);
    if (flag === undefined) throw await unknownFlag(command, flags, token.rawName);
    given.set(flag.name, [...(given.get(flag.name) ?? []), givenValue(flag, token.rawName, token.value)]);
  }
  const values = new Map(flags.map(flag => [flag.name, checkedFlag(flag, given.get(flag.name), env)] as const));
  return new Arguments(assign(command, positionals), values);
}

function optionOf(flag: FlagSpec) {
  const type = flag.kind === 'switch' ? ('boolean' as const) : ('string' as const);
  return flag.short === undefined ? { type } : { type, short: flag.short };
}

async function unknownFlag(command: Parsed, flags: readonly FlagSpec[], raw: string): Promise<UsageError> {
  const { nearest } = await import('../controller/manifest/nearest.ts');
  const near = raw.startsWith('--')
    ? nearest(
        raw.slice(2),
        flags.map(flag => flag.name),
      )
    : undefined;
  const help = `faas ${command.name} --help lists its flags.`;
  return new UsageError(`unknown flag ${raw}`, near === undefined ? help : `Did you mean --${near}? ${help}`);
}

function givenValue(flag: FlagSpec, raw: string, value: string | undefined): string {
  if (flag.kind === 'switch') {
    if (value !== undefined) throw new UsageError(`${raw} takes no value`);
    return 'true';
  }
  if (value === undefined) throw new UsageError(`${raw} needs a value`, `Write ${raw} <${flag.label ?? 'value'}>.`);
  return value;
}

function checkedFlag(flag: FlagSpec, given: readonly string[] | undefined, env: Readonly<Record<string, string | undefined>>) {
  if (given !== undefined) return { value: check(flag, given, `--${flag.name}`), origin: 'flag' as const };
  const variable = env[envOf(flag)];
  if (variable !== undefined && variable !== '') return { value: check(flag, [variable], envOf(flag)), origin: 'env' as const };
  const usual = flag.default === undefined ? undefined : check(flag, [flag.default], `--${flag.name}`);
  return { value: usual, origin: 'default' as const };
}

function check(flag: FlagSpec, values: readonly string[], where: string): Value {
  const last = values.at(-1) ?? '';
  switch (flag.kind) {
    case 'switch':
      return switchOf(last, where);
    case 'list':
      return values;
    case 'number':
      return numberOf(last, flag, where);
    case 'duration':
      if (parseDuration(last) === undefined)
        throw new UsageError(`${where}: "${last}" is not a duration`, 'Write 250ms, 30s, 5m, 2h or 1d.');
      return last;
    case 'text':
      if (flag.choices !== undefined && !flag.choices.includes(last)) {
        throw new UsageError(`${where}: "${last}" is not one of ${flag.choices.join(', ')}`);
      }
      return last;
  }
}

function numberOf(text: string, { range: [least, most] = [0, Number.MAX_SAFE_INTEGER] }: FlagSpec, where: string): string {
  if (!/^\d+$/.test(text)) throw new UsageError(`${where}: "${text}" is not a whole number`);
  if (Number(text) < least || Number(text) > most) throw new UsageError(`${where}: ${text} is not within ${least} and ${most}`);
  return text;
}

function switchOf(text: string, where: string): boolean {
  if (['1', 'true', 'yes', 'on'].includes(text.toLowerCase())) return true;
  if (['0', 'false', 'no', 'off'].includes(text.toLowerCase())) return false;
  throw new UsageError(`${where}: "${text}" is neither true nor false`);
}

function assign(command: Parsed, words: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const assigned = new Map<string, readonly string[]>();
  const rest = [...words];
  for (const argument of command.args) {
    const taken = argument.many === true ? rest.splice(0) : rest.splice(0, 1);
    if (taken.length === 0 && argument.required) {
      throw new UsageError(`<${argument.name}> is missing: ${argument.meaning}`, `Usage: faas ${command.name} ${usageOf(command.args)}`);
    }
    checkChoice(argument, taken);
    assigned.set(argument.name, taken);
  }
  const extra = rest[0];
  if (extra !== undefined)
    throw new UsageError(`unexpected argument "${extra}"`, `Usage: faas ${command.name} ${usageOf(command.args)}`.trimEnd());
  return assigned;
}

function checkChoice(argument: ArgumentSpec, taken: readonly string[]): void {
  const wrong = taken.find(word => argument.choices !== undefined && !argument.choices.includes(word));
  if (wrong !== undefined) throw new UsageError(`"${wrong}" is not one of ${argument.choices?.join(', ')}`);
}

/** `<function> [data]` */
export function usageOf(args: readonly ArgumentSpec[]): string {
  return args
    .map(argument => {
      const name = `${argument.name}${argument.many === true ? '...' : ''}`;
      return argument.required ? `<${name}>` : `[${name}]`;
    })
    .join(' ');
}
