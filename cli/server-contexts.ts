import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CommandFailure } from './failure.ts';
import { UsageError } from './usage-error.ts';

/** A server elsewhere, by a name of the user's own. */
export interface ServerContext {
  /** Admin address. */
  readonly server: string;
  readonly token?: string;
  /** Instead of a token: the file whose first line is it, read each time. */
  readonly tokenFile?: string;
}

export interface ServerContexts {
  /** The one that commands use when nothing else is said; undefined: the server of the data folder. */
  readonly current?: string;
  readonly contexts: Readonly<Record<string, ServerContext>>;
}

/** What stands for the server of the data folder. */
export const localName = 'local';

type Environment = Readonly<Record<string, string | undefined>>;

/** Of the user, not of the project: it holds tokens. */
export function contextsFile(env: Environment): string {
  const config = env.XDG_CONFIG_HOME ?? '';
  return join(config === '' ? join(homedir(), '.config') : config, 'faas', 'contexts.json');
}

/** Empty when there is no file. Throws FAAS_SAVED_CONTEXT_FILE when it is not what `writeContexts` writes. */
export async function readContexts(env: Environment): Promise<ServerContexts> {
  const file = contextsFile(env);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return { contexts: {} };
    throw broken(file, 'cannot be read', cause);
  }
  try {
    return checked(JSON.parse(text));
  } catch (cause) {
    throw broken(file, cause instanceof SyntaxError ? 'is not JSON' : String(cause instanceof Error ? cause.message : cause), cause);
  }
}

/** In one step, and readable by its owner only. */
export async function writeContexts(env: Environment, contexts: ServerContexts): Promise<void> {
  const file = contextsFile(env);
  const draft = `${file}.${randomUUID()}`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(draft, `${JSON.stringify(contexts, undefined, 2)}\n`, { mode: 0o600 });
    await rename(draft, file);
  } catch (cause) {
    throw broken(file, 'cannot be written', cause);
  }
}

/** The context of that name, or the current one; undefined: the server of the data folder. Throws FAAS_SAVED_CONTEXT_UNKNOWN. */
export async function chosenContext(env: Environment, name: string | undefined): Promise<(ServerContext & { name: string }) | undefined> {
  if (name === localName) return undefined;
  const { current, contexts } = await readContexts(env);
  const wanted = name ?? current;
  if (wanted === undefined) return undefined;
  return { ...contextNamed(contexts, wanted), name: wanted };
}

export function contextNamed(contexts: ServerContexts['contexts'], name: string): ServerContext {
  const found = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (found !== undefined) return found;
  const names = [localName, ...Object.keys(contexts)].join(', ');
  throw new CommandFailure('FAAS_SAVED_CONTEXT_UNKNOWN', `there is no context "${name}"`, {
    hint: `There are: ${names}. Add one with: faas context add ${name} --server <url>`,
  });
}

/** The address without a slash at its end. Throws UsageError with FAAS_SERVER_ADDRESS; `place` is the flag or the variable that it is of. */
export function serverAddress(text: string, place = '--server'): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text.replace(/\/+$/, '');
  const example = place.startsWith('--') ? `Write ${place} http://127.0.0.1:7070.` : `Set ${place}=http://127.0.0.1:7070, or unset it.`;
  throw new UsageError(`${place}: "${text}" is not an http address`, example, { code: 'FAAS_SERVER_ADDRESS' });
}

function checked(value: unknown): ServerContexts {
  if (!isRecord(value) || !isRecord(value.contexts)) throw new Error('holds no contexts');
  const entries = Object.entries(value.contexts).map(([name, one]) => {
    if (!isRecord(one) || typeof one.server !== 'string') throw new Error(`does not say where the server of "${name}" is`);
    const { server, token, tokenFile } = one;
    return [
      name,
      {
        server,
        ...(typeof token === 'string' ? { token } : {}),
        ...(typeof tokenFile === 'string' ? { tokenFile } : {}),
      },
    ] as const;
  });
  const { current } = value;
  return { ...(typeof current === 'string' ? { current } : {}), contexts: Object.fromEntries(entries) };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function broken(file: string, what: string, cause: unknown): CommandFailure {
  return new CommandFailure('FAAS_SAVED_CONTEXT_FILE', `${file} ${what}`, {
    hint: 'Mend it, or remove it and add its contexts again with: faas context add <name> --server <url>',
    cause,
  });
}
