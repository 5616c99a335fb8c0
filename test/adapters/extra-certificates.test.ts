import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { expect, test } from 'vitest';
import { trustExtra } from '../../controller/adapters/process/extra-certificates.ts';

const extra = join(import.meta.dirname, '../data/tls/certificate.pem');

test("the file has Node's own authorities and the extra ones, for the owner alone", () => {
  const folder = mkdtempSync(join(tmpdir(), 'faas-trust-'));
  try {
    const { flags, env } = trustExtra(extra, folder);
    const path = join(folder, 'certificates.pem');
    expect([flags, env]).toEqual([['--use-openssl-ca'], { SSL_CERT_FILE: path, SSL_CERT_DIR: path }]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const written = readFileSync(path, 'utf8');
    for (const certificate of [...rootCertificates, readFileSync(extra, 'utf8').trim()]) expect(written).toContain(certificate);
    expect(written.match(/^-----BEGIN CERTIFICATE-----$/gm)).toHaveLength(rootCertificates.length + 1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
