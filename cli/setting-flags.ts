import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { envOf, flagOf, settingKeys, settingRow } from '../controller/settings.ts';
import { type LoadedSettings, loadSettings } from '../controller/settings-source.ts';
import { printSetting } from '../controller/settings-value.ts';
import type { Arguments } from './arguments.ts';
import type { Invocation } from './command.ts';
import { CommandFailure } from './failure.ts';
import type { FlagSpec } from './flag-spec.ts';

/** Every row of the settings table as a flag. Values are checked where all sources of settings meet, so they stay text here. */
export function settingFlags(): readonly FlagSpec[] {
  return settingKeys.map(key => {
    const row = settingRow(key);
    const usual = printSetting(row, row.default);
    const choices = row.oneOf === undefined ? '' : ` One of ${row.oneOf.join(', ')}.`;
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
  const [first] = loaded.problems;
  if (first === undefined) return loaded;
  if (loaded.problems.length === 1) throw new CommandFailure(first.code, `${first.place}: ${first.message}`, { hint: first.hint });
  const where = loaded.problems.map(({ place, message, hint }) => `${place}: ${message}${hint === undefined ? '' : ` (${hint})`}`);
  throw new CommandFailure('FAAS_SETTINGS', `${loaded.problems.length} settings are wrong`, {
    where,
    hint: 'faas config lists all settings.',
  });
}

function givenFlags(args: Arguments): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(settingKeys.map(flagOf).map(name => [name, args.origin(name) === 'flag' ? args.text(name) : undefined]));
}
