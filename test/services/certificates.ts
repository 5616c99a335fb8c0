import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { NeededService } from './needed-service.ts';

const run = promisify(execFile);

export const certificateService: NeededService = { name: 'openssl', commands: ['openssl'], howToGet: 'apt-get install openssl' };

interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** An authority of two days and what it has signed: PEM texts, and the files of the server. */
export interface Certificates {
  readonly ca: string;
  readonly client: Identity;
  /** Of another authority. */
  readonly stranger: Identity;
  readonly files: { readonly ca: string; readonly cert: string; readonly key: string };
  remove(): Promise<void>;
}

/** For a server at 127.0.0.1. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'faas-certificates-'));
  const at = (name: string) => join(folder, name);
  const authority = async (name: string) => {
    await openssl([
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      at(`${name}.key`),
      '-out',
      at(`${name}.pem`),
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    ]);
  };
  const signed = async (name: string, by: string, names = '') => {
    await openssl(['req', ...newKey, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`), '-subj', `/CN=${name}`]);
    await writeFile(at(`${name}.ext`), names);
    const authorityFiles = ['-CA', at(`${by}.pem`), '-CAkey', at(`${by}.key`), '-CAcreateserial', '-extfile', at(`${name}.ext`)];
    await openssl(['x509', '-req', '-in', at(`${name}.csr`), '-out', at(`${name}.pem`), '-days', '2', ...authorityFiles]);
    return { cert: await readFile(at(`${name}.pem`), 'utf8'), key: await readFile(at(`${name}.key`), 'utf8') };
  };
  await Promise.all([authority('ca'), authority('other')]);
  await signed('server', 'ca', 'subjectAltName=IP:127.0.0.1,DNS:localhost');
  return {
    ca: await readFile(at('ca.pem'), 'utf8'),
    client: await signed('client', 'ca'),
    stranger: await signed('stranger', 'other'),
    files: { ca: at('ca.pem'), cert: at('server.pem'), key: at('server.key') },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

async function openssl(args: readonly string[]): Promise<void> {
  await run('openssl', [...args]);
}
