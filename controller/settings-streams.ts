import { readFile } from 'node:fs/promises';
import { FaasError } from './errors.ts';
import type { Settings } from './settings.ts';

/** Where streams are kept, as the setting `streams` says. */
export type StreamsPlace =
  | { readonly kind: 'sqlite' }
  | { readonly kind: 'kafka'; readonly tls: boolean; readonly seeds: readonly { readonly host: string; readonly port: number }[] };

const form = /^(kafkas?):\/\/([^/?#@]+)\/?$/;
const address = /^(\[[0-9a-fA-F:.]+\]|[^:\s[\]]+):(\d{1,5})$/;

/** Throws FAAS_SETTING_VALUE. */
export function parseStreams(text: string): StreamsPlace {
  if (text === 'sqlite') return { kind: 'sqlite' };
  const [, scheme, list = ''] = form.exec(text) ?? [];
  const seeds = list.split(',').map(one => {
    const [, host = '', port = ''] = address.exec(one.trim()) ?? [];
    return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
  });
  if (scheme !== undefined && seeds.every(({ host, port }) => host !== '' && port > 0 && port < 65_536)) {
    return { kind: 'kafka', tls: scheme === 'kafkas', seeds };
  }
  throw new FaasError(
    'FAAS_SETTING_VALUE',
    'streams must be sqlite, kafka://host:port,host:port or kafkas://host:port,host:port (with TLS)',
    'Credentials do not belong into it: set kafka.sasl, kafka.username, and FAAS_KAFKA_PASSWORD or kafka.passwordFile.',
  );
}

/** From FAAS_KAFKA_PASSWORD, or the first line of the file: never from a flag, which every user of the machine can read. */
export async function readKafkaPassword(settings: Settings, env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const given = env.FAAS_KAFKA_PASSWORD ?? '';
  if (given !== '') return given;
  const file = settings['kafka.passwordFile'];
  const text = file === '' ? '' : await readFile(file, 'utf8').catch(() => '');
  const [line = ''] = text.split(/\r?\n/);
  if (line !== '') return line;
  throw new FaasError(
    'FAAS_SETTING_VALUE',
    file === ''
      ? 'kafka.sasl needs a password, and there is none'
      : `kafka.passwordFile: ${file} cannot be read, or its first line is empty`,
    'Set FAAS_KAFKA_PASSWORD, or kafka.passwordFile to a file whose first line it is.',
  );
}
