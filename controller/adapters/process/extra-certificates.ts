import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';

/** How a process is started that trusts more authorities than Node does. */
export interface Trust {
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export const nodeTrust: Trust = { flags: [], env: {} };

/**
 * The same as NODE_EXTRA_CA_CERTS, without its price: Node 20 reads that file and the authorities that it brings at every start, which more than
 * doubles the time that a pod takes to boot. OpenSSL reads the file that is written here when a function opens its first TLS connection, and
 * never in a pod that does not. Throws what the file system throws.
 */
export function trustExtra(file: string, folder: string): Trust {
  const path = join(folder, 'certificates.pem');
  writeFileSync(path, `${[...rootCertificates, readFileSync(file, 'utf8')].join('\n')}\n`, { mode: 0o600 });
  // A folder to look in as well would be one more place that is trusted.
  return { flags: ['--use-openssl-ca'], env: { SSL_CERT_FILE: path, SSL_CERT_DIR: path } };
}
