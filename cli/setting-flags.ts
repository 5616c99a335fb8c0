import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { envOf, flagOf, settingKeys, settingRow } from '../controller/settings.ts';
import { type LoadedSettings, loadSettings } from '../controller/settings-source.ts';
import { printSetting } from '../controller/settings-value.ts';
import type { Arguments } from './arguments.ts';
import type { Invocation } from './command.ts';
import { CommandFailure } from './failure.ts';
import type { FlagSpec } from './flag-spec.ts';
import { UsageError } from './usage-error.ts';

/** Every row of the settings table as a flag. Values are checked where all sources of settings meet, so they stay text here. */
export function settingFlags(): readonly FlagSpec[] {
  return settingKeys.map(key => {
    const row = settingRow(key);
    const usual = printSetting(row, row.default);
    const choices = row.oneOf === undefined ? '' : ` ${row.type === 'list' ? 'Some' : 'One'} of ${row.oneOf.join(', ')}.`;
    const otherwise = usual === '' ? '' : ` Usually ${usual}.`;
    return { name: flagOf(key), kind: 'text', label: row.type, env: envOf(key), meaning: `${row.meaning}${choices}${otherwise}` };
  });
}

/** The settings of a server that starts here: flag, environment, ./faas.settings.yaml, default. Throws with all problems at once. */
export async function resolveSettings(
  { args, env, cwd }: Pick<Invocation, 'args' | 'env' | 'cwd'>,
  withFlags: boolean,
): Promise<LoadedSettings> {
  const fileText = await readFile(join(cwd, 'faas.settings.yaml'), 'utf8').catch(() => undefined);
  const loaded = loadSettings({ flags: withFlags ? givenFlags(args) : {}, env, fileText });
  if (loaded.problems.length === 0) return loaded;
  // Of a command that starts no server the variables of one are not what was asked for.
  throw wrongSettings(loaded.problems, withFlags && loaded.problems.some(({ origin }) => origin !== 'file'));
}

/** A bad value of a flag, or of the variable that says the same, is a bad command line; a bad file is not. */
function wrongSettings(problems: LoadedSettings['problems'], isUsage: boolean): UsageError | CommandFailure {
  const [first, ...others] = problems;
  const isOne = first !== undefined && others.length === 0;
  const code = isOne ? first.code : 'FAAS_SETTINGS';
  const message = isOne ? `${first.place}: ${first.message}` : `${problems.length} settings are wrong`;
  const where = isOne ? [] : problems.map(({ place, message, hint }) => `${place}: ${message}${hint === undefined ? '' : ` (${hint})`}`);
  const hint = isOne ? first.hint : 'faas config lists all settings.';
  return isUsage ? new UsageError(message, hint, { code, where }) : new CommandFailure(code, message, { where, hint });
}

function givenFlags(args: Arguments): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(settingKeys.map(flagOf).map(name => [name, args.origin(name) === 'flag' ? args.text(name) : undefined]));
}
