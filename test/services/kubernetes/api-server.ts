import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from '../free-ports.ts';
import type { NeededService } from '../needed-service.ts';
import { type ServiceProcess, startService } from '../service-process.ts';
import { makeCertificates } from './certificates.ts';
import type { NodePlace } from './node-place.ts';
import { programFlags, settingsFiles } from './node-settings.ts';
import { nodePrograms } from './programs.ts';

const run = promisify(execFile);

export const apiServerService: NeededService = {
  name: 'API server of Kubernetes',
  commands: ['go', 'openssl'],
  howToGet: 'on Linux: apt-get install golang openssl',
};

/** A real etcd and a real API server on loopback, and nothing else of a cluster: no node, no controllers, no pods. Needs no privileges. */
export interface ApiServer {
  /** Of an administrator. */
  readonly kubeconfig: string;
  readonly port: number;
  readonly process: ServiceProcess;
  /** Its database: what it knows can be compacted there, as time does it. */
  readonly etcdUrl: string;
  /** What kubectl answers on its standard output; throws with what it says on the other. */
  kubectl(...args: string[]): Promise<string>;
  /** The same kubeconfig with another port of this machine: that of a proxy. */
  kubeconfigVia(port: number): Promise<string>;
  stop(): Promise<void>;
}

export async function startApiServer(): Promise<ApiServer> {
  const home = await nodePrograms();
  const folder = await mkdtemp(join(tmpdir(), 'faas-api-server-'));
  const [api = 0, etcd = 0, etcdPeer = 0] = await freePorts(3);
  const place = loopbackPlace(folder, { api, etcd, etcdPeer });
  await makeCertificates(place);
  const audit = settingsFiles(place)['audit-policy.json'] ?? '';
  await writeFile(join(folder, 'audit-policy.json'), audit);
  const kubeconfig = join(folder, 'admin.kubeconfig');
  const kubectl = async (...args: string[]) => {
    const { stdout } = await run(join(home, 'kubectl'), ['--kubeconfig', kubeconfig, ...args], { maxBuffer: 64 << 20 });
    return stdout.trim();
  };
  const flags = programFlags(place);
  const start = (name: 'etcd' | 'kube-apiserver', more: Readonly<Record<string, string>>, ready: () => Promise<boolean>) =>
    startService({
      name,
      command: join(home, name),
      args: () => Object.entries({ ...flags[name], ...more }).map(([flag, value]) => `--${flag}=${value}`),
      ready: () => ready().catch(() => false),
      readyWithinMs: 120_000,
    });
  const etcdUrl = `http://127.0.0.1:${etcd}`;
  const database = await start('etcd', {}, async () => (await fetch(`${etcdUrl}/health`)).ok);
  // A service of the name `kubernetes` cannot have the address of this machine alone, and nobody here looks for it.
  const server = await start(
    'kube-apiserver',
    { 'endpoint-reconciler-type': 'none' },
    async () => (await kubectl('get', '--raw', '/readyz')) === 'ok',
  );
  return {
    kubeconfig,
    port: api,
    process: server,
    etcdUrl,
    kubectl,
    async kubeconfigVia(port) {
      const file = join(folder, `via-${port}.kubeconfig`);
      const text = await kubectl('config', 'view', '--raw', '--flatten', '-o', 'json');
      await writeFile(file, text.replaceAll(`127.0.0.1:${api}`, `127.0.0.1:${port}`), { mode: 0o600 });
      return file;
    },
    async stop() {
      await server.stop();
      await database.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function loopbackPlace(folder: string, ports: { readonly api: number; readonly etcd: number; readonly etcdPeer: number }): NodePlace {
  return {
    folder,
    nodeName: 'nowhere',
    nodeAddress: '127.0.0.1',
    apiServer: `https://127.0.0.1:${ports.api}`,
    apiPort: ports.api,
    apiServiceAddress: '10.97.0.1',
    etcdPort: ports.etcd,
    etcdPeerPort: ports.etcdPeer,
  };
}
