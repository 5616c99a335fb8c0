import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NeededService } from '../needed-service.ts';
import { startControlPlane } from './control-plane.ts';
import { kubernetesService } from './programs.ts';

export const apiServerService: NeededService = {
  name: 'API server of Kubernetes',
  commands: kubernetesService.commands.filter(command => command === 'go' || command === 'openssl'),
  howToGet: 'on Linux: apt-get install golang openssl',
};

/** A real etcd and a real API server on loopback, for those who disturb the way there and the server itself. */
export interface ApiServer {
  /** Of an administrator. */
  readonly kubeconfig: string;
  readonly port: number;
  /** Its database: what it knows can be compacted there, as time does it. */
  readonly etcdUrl: string;
  kubectl(...args: string[]): Promise<string>;
  /** The same kubeconfig with another port of this machine: that of a proxy. */
  kubeconfigVia(port: number): Promise<string>;
  kill(): Promise<void>;
  /** Resolves when it is ready. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startApiServer(): Promise<ApiServer> {
  const { kubeconfig, folder, apiServer, etcdUrl, program, kubectl, stop } = await startControlPlane();
  const { port, host } = new URL(apiServer);
  const server = program('kube-apiserver');
  return {
    kubeconfig,
    port: Number(port),
    etcdUrl,
    kubectl,
    async kubeconfigVia(other) {
      const file = join(folder, `via-${other}.kubeconfig`);
      const text = await kubectl('config', 'view', '--raw', '--flatten', '-o', 'json');
      await writeFile(file, text.replaceAll(host, `127.0.0.1:${other}`), { mode: 0o600 });
      return file;
    },
    kill: () => server.kill(),
    async restart() {
      server.start();
      await server.until(async () => (await kubectl('get', '--raw', '/readyz')) === 'ok');
    },
    stop,
  };
}
