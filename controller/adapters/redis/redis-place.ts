import { FaasError } from '../../errors.ts';

/** Where a Redis is, as the setting `state` says it; without any secret. */
export interface RedisPlace {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** Of the server, of the sentinels, or of some nodes of the cluster. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** Of the set that the sentinels watch. */
  readonly setName: string;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly database: number;
}

const kinds: Readonly<Record<string, { readonly kind: RedisPlace['kind']; readonly tls: boolean; readonly port: number }>> = {
  redis: { kind: 'single', tls: false, port: 6379 },
  rediss: { kind: 'single', tls: true, port: 6379 },
  'redis+sentinel': { kind: 'sentinel', tls: false, port: 26379 },
  'rediss+sentinel': { kind: 'sentinel', tls: true, port: 26379 },
  'redis+cluster': { kind: 'cluster', tls: false, port: 6379 },
  'rediss+cluster': { kind: 'cluster', tls: true, port: 6379 },
};

const form = /^([a-z+]+):\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^/?#]*))?$/;

/**
 * `redis://[user@]host[:port][/database]`, `rediss://` with TLS, `redis+sentinel://host:port,host:port/set`, `redis+cluster://host:port,host:port`.
 * Throws FAAS_SETTING_VALUE, also for a password in it: addresses are shown and logged.
 */
export function parseRedisPlace(text: string): RedisPlace {
  const [, scheme = '', user, hosts = '', path = ''] = form.exec(text) ?? [];
  const known = kinds[scheme];
  if (known === undefined) throw wrong('state must be the address of a Redis');
  if (user?.includes(':'))
    throw wrong('state must not hold a password', 'Set FAAS_STATE_PASSWORD, or state.passwordFile to a file whose first line it is.');
  if (known.kind === 'sentinel' && path === '') throw wrong('state must name the set that the sentinels watch');
  if (known.kind === 'cluster' && path !== '') throw wrong('state must not name a database: a cluster has one');
  if (known.kind === 'single' && (hosts.includes(',') || !/^\d{0,4}$/.test(path)))
    throw wrong('state must be one host, and a number of a database');
  return {
    kind: known.kind,
    nodes: hosts.split(',').map(host => nodeOf(host, known.port)),
    setName: known.kind === 'sentinel' ? path : '',
    tls: known.tls,
    username: user === undefined || user === '' ? undefined : decodeURIComponent(user),
    database: known.kind === 'single' ? Number(path) : 0,
  };
}

function nodeOf(text: string, defaultPort: number): { host: string; port: number } {
  const [, bracketed, plain, port = `${defaultPort}`] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) throw wrong('state must name a host and a port');
  return { host, port: Number(port) };
}

function wrong(
  message: string,
  hint = 'redis://host:6379, rediss://host:6379, redis+sentinel://host:26379/name or redis+cluster://host:6379,host:6379',
): FaasError {
  return new FaasError('FAAS_SETTING_VALUE', message, hint);
}
