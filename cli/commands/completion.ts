import type { Invocation } from '../command.ts';
import { flagsOf } from '../command-flags.ts';
import { completionScript } from '../completion-script.ts';
import { commandTable } from './table.ts';

export async function run({ args, out }: Invocation): Promise<number> {
  const commands = await Promise.all(commandTable.map(async command => ({ command, flags: await flagsOf(command) })));
  await out.line(completionScript(args.required('shell'), commands));
  return 0;
}
