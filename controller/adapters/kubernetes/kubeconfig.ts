import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { ClusterUser } from './cluster-user.ts';
import { isRecord } from './kubernetes-object.ts';
import { readAgainAfter } from './read-again.ts';

/** What a kubeconfig may say to be read here: https, with a certificate or a token. All else (programs, providers, proxies, other names) is the client's. */
const plain = {
  cluster: ['server', 'certificate-authority', 'certificate-authority-data', 'insecure-skip-tls-verify', 'tls-server-name', 'extensions'],
  user: ['client-certificate', 'client-certificate-data', 'client-key', 'client-key-data', 'token'],
  context: ['cluster', 'user', 'namespace', 'extensions'],
};
/** Who renews a certificate does so well before its end. */
const filesMs = 60_000;

/** The file that kubectl would use; `undefined`: several. */
export function usualKubeconfig({ KUBECONFIG = '' }: Readonly<Record<string, string | undefined>>): string | undefined {
  const files = KUBECONFIG.split(delimiter).filter(file => file !== '');
  return files.length > 1 ? undefined : (files[0] ?? join(homedir(), '.kube', 'config'));
}

/**
 * What a kubeconfig says when it says nothing unusual; `undefined`: the client has to read it, and say what is wrong with it. By ourselves, because the client would load
 * for 0.6 s and stay with 80 MB for one file.
 */
export async function readKubeconfig(file: string, contextName: string | undefined): Promise<ClusterUser | undefined> {
  const { parse } = await import('yaml');
  const config = await readFile(file, 'utf8').then(
    text => asRecord(() => parse(text)),
    () => undefined,
  );
  const context = entryOf(config, 'context', contextName ?? config?.['current-context']);
  const cluster = entryOf(config, 'cluster', context?.cluster);
  const user = entryOf(config, 'user', context?.user);
  if (context === undefined || cluster === undefined || user === undefined) return undefined;
  const { server, 'tls-server-name': servername, 'insecure-skip-tls-verify': unverified } = cluster;
  const { namespace = 'default' } = context;
  if (!isText(server) || !server.startsWith('https://') || !isText(namespace) || !isTextOrNone(servername)) return undefined;
  const folder = dirname(file);
  const [ca, cert, key] = [
    pieceOf(cluster, 'certificate-authority', folder),
    pieceOf(user, 'client-certificate', folder),
    pieceOf(user, 'client-key', folder),
  ];
  const { token } = user;
  if (ca === undefined || cert === undefined || key === undefined || !isTextOrNone(token)) return undefined;
  const read = readAgainAfter(filesMs, async () => ({ ca: await ca(), cert: await cert(), key: await key() }));
  return {
    server: server.replace(/\/$/, ''),
    namespace,
    async authorise(options) {
      for (const [name, value] of Object.entries(await read())) if (value !== undefined) Object.assign(options, { [name]: value });
      if (unverified === true) options.rejectUnauthorized = false;
      if (servername !== undefined) options.servername = servername;
      if (token !== undefined) options.headers = { ...(options.headers as Record<string, string>), authorization: `Bearer ${token}` };
    },
  };
}

type Entry = Readonly<Record<string, unknown>>;

function asRecord(read: () => unknown): Entry | undefined {
  try {
    const value = read();
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The one entry of that name, when it is plain. */
function entryOf(config: Entry | undefined, kind: keyof typeof plain, name: unknown): Entry | undefined {
  const list = config?.[`${kind}s`];
  if (!isText(name) || !Array.isArray(list)) return undefined;
  const [found, ...others] = list.filter(isRecord).filter(entry => entry.name === name);
  const entry = found?.[kind];
  if (others.length > 0 || !isRecord(entry)) return undefined;
  return Object.keys(entry).every(key => plain[kind].includes(key)) ? entry : undefined;
}

/** How to read what stands in the file itself or in one beside it; `undefined`: what is said of it cannot be read. */
function pieceOf(entry: Entry, key: string, folder: string): (() => Promise<Buffer | undefined>) | undefined {
  const { [key]: file, [`${key}-data`]: data } = entry;
  if (!isTextOrNone(file) || !isTextOrNone(data)) return undefined;
  if (file !== undefined) return () => readFile(resolve(folder, file));
  const bytes = data === undefined ? undefined : Buffer.from(data, 'base64');
  return async () => bytes;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isTextOrNone(value: unknown): value is string | undefined {
  return value === undefined || isText(value);
}
