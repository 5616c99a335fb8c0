import { createInterface } from 'node:readline/promises';
import type { RemoveAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { UsageError } from '../usage-error.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = args.required('target');
  const [context = '', name, ...rest] = target.split('.');
  if (context === '' || name === '' || rest.length > 0) throw new UsageError(`"${target}" is neither a context nor <context>.<function>`);
  const state = args.on('state');
  const client = await connect(invocation);
  if (
    !(await confirmed(
      invocation,
      `Delete ${name === undefined ? 'the context' : 'the function'} ${target}${state ? ' and all its state' : ''}?`,
    ))
  ) {
    out.progress('nothing was deleted');
    return 1;
  }
  const query = state ? { state } : {};
  const path = name === undefined ? pathTo('context', { context }, query) : pathTo('function', { context, function: name }, query);
  const answer = await client.send<RemoveAnswer>('DELETE', path);
  await out.result(answer, () => answer.removed.map(unit => `deleted ${unit}`).join('\n') || `deleted ${target}`);
  if (!state) out.progress('its state, inbox and dead letters are kept; --state removes them as well');
  return 0;
}

/** Asks on a terminal; elsewhere nobody could answer, so --yes has to be there. */
async function confirmed({ args, stdin, signal }: Invocation, question: string): Promise<boolean> {
  if (args.on('yes')) return true;
  if (stdin.isTTY !== true) throw new UsageError('deleting needs a yes', 'Add --yes.');
  const prompt = createInterface({ input: stdin, output: process.stderr });
  // Ctrl-C at the question is read by it as a key.
  prompt.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    return /^y(es)?$/i.test((await prompt.question(`${question} [y/N] `, { signal })).trim());
  } finally {
    prompt.close();
  }
}
