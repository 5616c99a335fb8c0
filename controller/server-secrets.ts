import { readFile } from 'node:fs/promises';
import { FaasError } from './errors.ts';
import type { Settings } from './settings.ts';

/** Settings of one kind of server: `kafka.passwordFile`, `state.ca` and so on. */
type Prefix = 'kafka' | 'state';
type SecretFile = `${Prefix}.passwordFile` | 'cluster.secretFile';

/** From the variable, or the first line of `<prefix>.passwordFile`: never from a flag, which every user of the machine can read. */
export async function readPassword(prefix: Prefix, settings: Settings, given: string | undefined): Promise<string | undefined> {
  return readSecretText(`${prefix}.passwordFile`, settings, given);
}

/** From the variable, or the first line of the file that the setting names. */
export async function readSecretText(name: SecretFile, settings: Settings, given: string | undefined): Promise<string | undefined> {
  if (given !== undefined && given !== '') return given;
  return firstLineOf(await readSettingFile(name, settings));
}

/** By what the processes of a cluster know each other: from the variable, or the first line of `cluster.secretFile`. Throws FAAS_SETTING_VALUE for a poor one. */
export async function readClusterSecret(settings: Settings, given: string | undefined): Promise<string | undefined> {
  const secret = await readSecretText('cluster.secretFile', settings, given);
  if (secret === undefined || /^[!-~]{16,256}$/.test(secret)) return secret;
  throw new FaasError(
    'FAAS_SETTING_VALUE',
    'the secret of the cluster must have 16 to 256 letters, digits or signs, without blanks',
    'Make one with `openssl rand -hex 32`.',
  );
}

function firstLineOf(text: string | undefined): string | undefined {
  const [line = ''] = text?.split(/\r?\n/) ?? [];
  return line === '' ? undefined : line;
}

/** The texts of the PEM files that are set. Throws FAAS_SETTING_VALUE with the name of the setting whose file cannot be read. */
export async function readTls(prefix: Prefix, settings: Settings): Promise<{ ca?: string; cert?: string; key?: string }> {
  const [ca, cert, key] = await Promise.all([
    readSettingFile(`${prefix}.ca`, settings),
    readSettingFile(`${prefix}.cert`, settings),
    readSettingFile(`${prefix}.key`, settings),
  ]);
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

async function readSettingFile(name: SecretFile | `${Prefix}.${'ca' | 'cert' | 'key'}`, settings: Settings): Promise<string | undefined> {
  const file = settings[name];
  if (file === '') return undefined;
  return readFile(file, 'utf8').catch(error => {
    throw new FaasError(
      'FAAS_SETTING_VALUE',
      `${name}: ${file} cannot be read: ${String(error.code ?? error)}`,
      'Check the path and its rights.',
    );
  });
}
