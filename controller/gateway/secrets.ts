import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { LiveFunction } from '../functions/live-function.ts';

/**
 * The values of secrets, by name. A secret `stripe-key` is FAAS_SECRET_STRIPE_KEY, else the file `stripe-key` in the folder `secrets.dir`. While a
 * provider is switched over, a second value is accepted from FAAS_SECRET_STRIPE_KEY_PREVIOUS or the file `stripe-key.previous`. White space around
 * a value is no part of it. Values are never logged, and files are read again after `fileCacheMs`, so that a rotation needs no restart.
 */
export interface Secrets {
  /** One or two values, the current one first; none: the secret is missing. */
  valuesOf(name: string): Promise<readonly string[]>;
  /** For `faas secret check`: where it comes from, a variable or a file; never what it is. Two values while a previous one is accepted as well. */
  check(name: string): Promise<{ readonly source: string | undefined; readonly values: number }>;
}

export interface SecretsOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** '' when no folder is set. */
  readonly folder: string;
  readonly clock: Clock;
}

const fileCacheMs = 5_000;
const fileBytesMax = 65_536;

export function createSecrets({ env, folder, clock }: SecretsOptions): Secrets {
  const cache = new Map<string, { readonly value: string | undefined; readonly readAtMs: number }>();

  async function fromFile(file: string): Promise<string | undefined> {
    if (folder === '') return undefined;
    const cached = cache.get(file);
    if (cached !== undefined && clock.now() - cached.readAtMs < fileCacheMs) return cached.value;
    const value = await readSecretFile(join(folder, file));
    cache.set(file, { value, readAtMs: clock.now() });
    return value;
  }

  async function find(name: string): Promise<{ readonly source: string | undefined; readonly values: readonly string[] }> {
    if (!isSecretName(name)) return { source: undefined, values: [] };
    const fromEnv = trimmed(env[variableOf(name)]);
    const current = fromEnv ?? (await fromFile(name));
    if (current === undefined) return { source: undefined, values: [] };
    const previous = trimmed(env[`${variableOf(name)}_PREVIOUS`]) ?? (await fromFile(`${name}.previous`));
    return {
      source: fromEnv === undefined ? join(folder, name) : variableOf(name),
      values: previous === undefined || previous === current ? [current] : [current, previous],
    };
  }

  return {
    valuesOf: async name => (await find(name)).values,
    async check(name) {
      const { source, values } = await find(name);
      return { source, values: values.length };
    },
  };
}

/** The secrets that live functions name, with the units that need them, by name. */
export function secretsNamedBy(functions: readonly LiveFunction[]): ReadonlyMap<string, readonly string[]> {
  const units = new Map<string, string[]>();
  for (const { unit, spec } of functions) {
    for (const trigger of spec.on) {
      if (trigger.kind !== 'webhook' || trigger.secret === undefined) continue;
      const users = units.get(trigger.secret) ?? [];
      if (!users.includes(unit)) users.push(unit);
      units.set(trigger.secret, users);
    }
  }
  return new Map([...units].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `stripe-key` → `FAAS_SECRET_STRIPE_KEY`. */
export function variableOf(name: string): string {
  return `FAAS_SECRET_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** The manifest allows nothing else; asked again here because a name becomes a path. */
function isSecretName(name: string): boolean {
  return /^[a-z][a-z0-9-]{0,63}$/.test(name);
}

async function readSecretFile(path: string): Promise<string | undefined> {
  try {
    const bytes = await readFile(path);
    return bytes.length > fileBytesMax ? undefined : trimmed(bytes.toString('utf8'));
  } catch {
    // Not there, a folder, not readable: missing in every case, and `check` says so.
    return undefined;
  }
}

function trimmed(value: string | undefined): string | undefined {
  const text = value?.trim();
  return text === undefined || text === '' ? undefined : text;
}
