import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { NeededService } from '../needed-service.ts';
import { publish, serviceCache } from '../service-cache.ts';

const run = promisify(execFile);

export const kubernetesVersion = 'v1.33.13';

const sources = ['test/services/kubernetes/node', 'test/services/kubernetes/pause'] as const;
const home = join(serviceCache, `kubernetes-${hashOfSources()}`);
const isBuilt = existsSync(home);

/** A cluster that is there already, and its tools, or one of our own. */
export const givenKubeconfig = process.env.FAAS_TEST_KUBECONFIG;

export const kubernetesService: NeededService = {
  name: 'Kubernetes',
  commands:
    givenKubeconfig === undefined
      ? [...(isBuilt ? [] : ['go']), 'containerd', 'ctr', 'runc', 'conntrack', 'iptables', 'ip', 'nsenter', 'openssl', 'tar']
      : ['kubectl', 'tar'],
  howToGet:
    'as root on Linux: apt-get install golang containerd runc containernetworking-plugins conntrack iptables openssl; or FAAS_TEST_KUBECONFIG',
};

/** The names under which the one binary of a node is called. */
const names = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'kubelet', 'kubectl'] as const;

export type NodeProgram = (typeof names)[number];

/** Folder of this version's programs, the pause program among them; built once per machine, which takes minutes. */
export async function nodePrograms(): Promise<string> {
  if (existsSync(home)) return home;
  await mkdir(serviceCache, { recursive: true });
  const folder = await mkdtemp(`${home}-build-`);
  const [node, pause] = sources;
  await goBuild(node, join(folder, 'node'), ['-s', '-w', ...versionFlags()]);
  await goBuild(pause, join(folder, 'pause'), ['-s', '-w']);
  for (const name of names) await symlink('node', join(folder, name));
  await publish(folder, home);
  await rm(folder, { recursive: true, force: true });
  return home;
}

/** Other inputs, another folder of the cache. */
function hashOfSources(): string {
  const hash = createHash('sha256').update(kubernetesVersion);
  for (const source of sources) {
    for (const file of ['go.mod', 'go.sum', 'main.go']) if (existsSync(join(source, file))) hash.update(readFileSync(join(source, file)));
  }
  return hash.digest('hex').slice(0, 16);
}

function versionFlags(): string[] {
  const [major, minor] = kubernetesVersion.slice(1).split('.');
  const facts = { gitVersion: kubernetesVersion, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap(place =>
    Object.entries(facts).map(([name, value]) => `-X ${place}.${name}=${value}`),
  );
}

async function goBuild(source: string, output: string, linkFlags: readonly string[]): Promise<void> {
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false', GOTOOLCHAIN: 'local' };
  const args = ['build', '-trimpath', '-gcflags=all=-dwarf=false', '-ldflags', linkFlags.join(' '), '-o', output, '.'];
  await run('go', args, { cwd: source, env, maxBuffer: 64 << 20 });
}
