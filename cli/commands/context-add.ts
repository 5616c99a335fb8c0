import { resolve } from 'node:path';
import type { Invocation } from '../command.ts';
import { firstLine } from '../connect.ts';
import { reportContext } from '../context-report.ts';
import { CommandFailure } from '../failure.ts';
import { localName, readContexts, type ServerContext, serverAddress, writeContexts } from '../server-contexts.ts';
import { UsageError } from '../usage-error.ts';

const namePattern = /^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/;

export async function run(invocation: Invocation): Promise<number> {
  const { args, env, out } = invocation;
  const name = args.required('name');
  if (name === localName || !namePattern.test(name))
    throw new CommandFailure('FAAS_SAVED_CONTEXT_NAME', `a context cannot be called "${name}"`, {
      hint: `Letters, digits, dots and dashes, at most 63; \`${localName}\` is the server of the data folder.`,
    });
  const server = args.text('server');
  if (server === undefined) throw new UsageError('--server is missing', `faas context add ${name} --server <url>`);
  const context: ServerContext = { server: serverAddress(server), ...(await tokenOf(invocation)) };
  const { contexts } = await readContexts(env);
  await writeContexts(env, { current: name, contexts: { ...contexts, [name]: context } });
  out.progress(`${Object.hasOwn(contexts, name) ? 'changed' : 'added'} ${name}; commands ask ${context.server} from now on`);
  await reportContext(out, { name, server: context.server, current: name });
  return 0;
}

async function tokenOf({ args, cwd, stdin }: Invocation): Promise<Omit<ServerContext, 'server'>> {
  const token = args.text('token');
  const file = args.text('token-file');
  if (file !== undefined) {
    if (token !== undefined && args.origin('token') === 'flag') throw new UsageError('--token and --token-file say different things');
    return { tokenFile: resolve(cwd, file) };
  }
  if (token === undefined) throw new UsageError('the token is missing', 'Set FAAS_TOKEN, or write --token-file <path> or --token -.');
  if (token !== '-') return { token };
  const parts: Buffer[] = [];
  for await (const part of stdin) parts.push(Buffer.from(part));
  const read = firstLine(Buffer.concat(parts).toString('utf8'));
  if (read === '') throw new UsageError('standard input holds no token');
  return { token: read };
}
