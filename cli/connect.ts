import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type ApiClient, apiClient, type ServerAddress } from './api-client.ts';
import type { Arguments } from './arguments.ts';
import type { Invocation } from './command.ts';
import { CommandFailure } from './failure.ts';

/** The client that `--server`, `--token` and `--data` describe. */
export async function connect(invocation: Pick<Invocation, 'args' | 'env' | 'cwd'>): Promise<ApiClient> {
  const { args } = invocation;
  const folder = await dataFolder(invocation);
  return apiClient(await addressOf(args, folder), { timeoutMs: args.duration('timeout') ?? 30_000, folder });
}

/** Without --data that of the settings here: the server may have been started with them. */
async function dataFolder({ args, env, cwd }: Pick<Invocation, 'args' | 'env' | 'cwd'>): Promise<string> {
  const given = args.text('data') ?? './.faas';
  if (args.origin('data') !== 'default' || !existsSync(join(cwd, 'faas.settings.yaml'))) return resolve(cwd, given);
  const { resolveSettings } = await import('./setting-flags.ts');
  return resolve(cwd, (await resolveSettings({ args, env, cwd }, false)).settings.data);
}

async function addressOf(args: Arguments, folder: string): Promise<ServerAddress> {
  const server = args.text('server');
  const given = args.text('token');
  if (server !== undefined) {
    if (!URL.canParse(server) || !/^https?:$/.test(new URL(server).protocol)) {
      throw new CommandFailure('FAAS_SERVER_ADDRESS', `"${server}" is not an http address`, {
        hint: 'Write --server http://127.0.0.1:7070.',
      });
    }
    return { adminUrl: server.replace(/\/$/, ''), gatewayUrl: undefined, token: given ?? (await readToken(folder)) };
  }
  const found = await readServerFile(folder);
  return { ...found, token: given ?? (await readToken(folder)) };
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
    hint: 'Start one with: faas up. For another folder or machine: --data <folder> or --server <url>.',
    cause,
  });
}

export async function readToken(folder: string): Promise<string> {
  try {
    return (await readFile(join(folder, 'token'), 'utf8')).trim();
  } catch (cause) {
    throw new CommandFailure('FAAS_NO_TOKEN', `cannot read the server's token in ${folder}`, {
      hint: 'Run as the user who runs the server, name its data folder with --data, or set FAAS_TOKEN.',
      cause,
    });
  }
}
