import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type ApiClient, apiClient, type ServerAddress } from './api-client.ts';
import type { Invocation } from './command.ts';
import { CommandFailure } from './failure.ts';
import { envOf } from './flag-spec.ts';
import { chosenContext, type ServerContext, serverAddress } from './server-contexts.ts';
import { UsageError } from './usage-error.ts';

/** The client that `--server`, `--use`, `--token`, `--data` and the context in use describe. */
export async function connect(invocation: Pick<Invocation, 'args' | 'env' | 'cwd'>): Promise<ApiClient> {
  const { args } = invocation;
  const folder = await dataFolder(invocation);
  return apiClient(await addressOf(invocation, folder), { timeoutMs: args.duration('timeout') ?? 30_000, folder });
}

/** Without --data that of the settings here: the server may have been started with them. */
async function dataFolder({ args, env, cwd }: Pick<Invocation, 'args' | 'env' | 'cwd'>): Promise<string> {
  const given = args.text('data') ?? './.faas';
  if (args.origin('data') !== 'default' || !existsSync(join(cwd, 'faas.settings.yaml'))) return resolve(cwd, given);
  const { resolveSettings } = await import('./setting-flags.ts');
  return resolve(cwd, (await resolveSettings({ args, env, cwd }, false)).settings.data);
}

/**
 * What a flag says comes before what variables say, and both before the context in use, which comes before the server of the data folder. With --use the variables of
 * another server, and of its token, do not count. Throws UsageError when two flags name a server.
 */
async function addressOf({ args, env, cwd }: Pick<Invocation, 'args' | 'env' | 'cwd'>, folder: string): Promise<ServerAddress> {
  const isChosen = args.origin('use') === 'flag';
  if (isChosen && args.origin('server') === 'flag')
    throw new UsageError('--use and --server both say which server', 'Leave one of them out.');
  const ofFlagOrVariable = (flag: 'server' | 'token') => (isChosen && args.origin(flag) !== 'flag' ? undefined : args.text(flag));
  const server = ofFlagOrVariable('server');
  const given = ofFlagOrVariable('token');
  const place = args.origin('server') === 'env' ? envOf({ name: 'server' }) : '--server';
  if (server !== undefined)
    return { adminUrl: serverAddress(server, place), gatewayUrl: undefined, token: given ?? (await readToken(folder)) };
  const isLocal = args.origin('data') !== 'default' && args.text('use') === undefined;
  const context = isLocal ? undefined : await chosenContext(env, args.text('use'));
  if (context !== undefined) {
    return { adminUrl: context.server, gatewayUrl: undefined, token: given ?? (await tokenOf(context, cwd)) };
  }
  const found = await readServerFile(folder);
  return { ...found, token: given ?? (await readToken(folder)) };
}

async function tokenOf({ name, token, tokenFile }: ServerContext & { readonly name: string }, cwd: string): Promise<string> {
  if (token !== undefined) return token;
  try {
    return firstLine(await readFile(resolve(cwd, tokenFile ?? ''), 'utf8'));
  } catch (cause) {
    throw new CommandFailure('FAAS_NO_TOKEN', `cannot read ${tokenFile ?? 'a token'} of the context "${name}"`, {
      hint: `Give it with --token, or write it anew with: faas context add ${name} --server <url> --token-file <path>`,
      cause,
    });
  }
}

/** What the running server wrote into its data folder. */
async function readServerFile(folder: string): Promise<{ readonly adminUrl: string; readonly gatewayUrl: string | undefined }> {
  const file = join(folder, 'server.json');
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    if (cause instanceof SyntaxError) throw unreadable(file, 'is not JSON');
    throw noServer(folder, cause);
  }
  if (typeof parsed !== 'object' || parsed === null || !('adminUrl' in parsed) || typeof parsed.adminUrl !== 'string') {
    throw unreadable(file, 'does not say where the server is');
  }
  // The token goes to whoever has the port by now, so it goes nowhere when the server is known to be gone.
  if ('pid' in parsed && typeof parsed.pid === 'number' && !isAlive(parsed.pid))
    throw noServer(folder, new Error(`process ${parsed.pid} has ended`));
  const gatewayUrl = 'gatewayUrl' in parsed && typeof parsed.gatewayUrl === 'string' ? parsed.gatewayUrl : undefined;
  return { adminUrl: parsed.adminUrl, gatewayUrl };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // Another user's process is alive as well.
    return cause instanceof Error && 'code' in cause && cause.code === 'EPERM';
  }
}

function unreadable(file: string, what: string): CommandFailure {
  return new CommandFailure('FAAS_SERVER_FILE', `${file} ${what}`, { hint: 'Start the server again (faas up), or name it with --server.' });
}

function noServer(folder: string, cause?: unknown): CommandFailure {
  return new CommandFailure('FAAS_NO_SERVER', `no server runs on the data folder ${folder}`, {
    hint: 'Start one with: faas up. For another folder or machine: --data <folder>, --server <url>, or faas context use <name>.',
    cause,
  });
}

export async function readToken(folder: string): Promise<string> {
  try {
    return firstLine(await readFile(join(folder, 'token'), 'utf8'));
  } catch (cause) {
    throw new CommandFailure('FAAS_NO_TOKEN', `cannot read the server's token in ${folder}`, {
      hint: 'Run as the user who runs the server, name its data folder with --data, or give its token with --token or FAAS_TOKEN.',
      cause,
    });
  }
}

export function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').trim();
}
