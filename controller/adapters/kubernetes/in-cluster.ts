import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterUser } from './cluster-user.ts';
import { readAgainAfter } from './read-again.ts';

const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The kubelet writes a new token well before the old one ends. */
const tokenMs = 60_000;

/** The service account of the pod that this runs in; `undefined` outside of a cluster. By ourselves, because the client would load for 0.6 s and stay with 90 MB for three files. */
export async function readInCluster(): Promise<ClusterUser | undefined> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = process.env;
  if (host === undefined || !existsSync(join(folder, 'token'))) return undefined;
  const [ca, namespace] = await Promise.all([readFile(join(folder, 'ca.crt')), readFile(join(folder, 'namespace'), 'utf8')]);
  const token = readAgainAfter(tokenMs, async () => (await readFile(join(folder, 'token'), 'utf8')).trim());
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    namespace: namespace.trim(),
    async authorise(options) {
      options.ca = ca;
      options.headers = { ...(options.headers as Record<string, string>), authorization: `Bearer ${await token()}` };
    },
  };
}
