import { FaasError } from './errors.ts';

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
