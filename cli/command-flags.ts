import type { CommandSpec } from './command.ts';
import { globalFlags } from './commands/flags.ts';
import type { FlagSpec } from './flag-spec.ts';

/** All flags that a command takes: its own, the server's settings where it starts one, and those of every command. */
export async function flagsOf(command: CommandSpec): Promise<readonly FlagSpec[]> {
  if (command.settings === undefined) return [...command.flags, ...globalFlags];
  const { settingFlags } = await import('./setting-flags.ts');
  return [...command.flags, ...settingFlags(), ...globalFlags];
}
