import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type KubernetesNode, startKubernetes } from './kubernetes-node.ts';
import { givenKubeconfig } from './programs.ts';

const run = promisify(execFile);

/** A cluster with our image, for tests that need no more of it than any cluster has. */
export interface TestCluster {
  readonly kubeconfig: string;
  readonly image: string;
  /** At which servers of a test listen that pods shall reach. */
  readonly hostAddress: string;
  /** What it is made of, for those who break it and read its logs; undefined: somebody else's. */
  readonly node: KubernetesNode | undefined;
  kubectl(...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

const tag = 'faas.test/faas:1';

/** Ours, or the one that FAAS_TEST_KUBECONFIG names: its image is FAAS_TEST_IMAGE, and its pods reach this machine at FAAS_TEST_HOST. */
export async function openTestCluster(): Promise<TestCluster> {
  if (givenKubeconfig !== undefined) return givenCluster(givenKubeconfig);
  const node = await startKubernetes();
  const folder = await mkdtemp(join(tmpdir(), 'faas-image-'));
  try {
    const file = join(folder, 'image.tar');
    await run(process.execPath, ['scripts/build-image.mjs', '--file', file, '--tag', tag]);
    await node.importImage(file);
  } catch (error) {
    await node.stop();
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return {
    kubeconfig: node.kubeconfig,
    image: tag,
    hostAddress: node.hostAddress,
    node,
    kubectl: (...args) => node.kubectl(...args),
    stop: () => node.stop(),
  };
}

function givenCluster(kubeconfig: string): TestCluster {
  const { FAAS_TEST_IMAGE: image = tag, FAAS_TEST_HOST: hostAddress = '127.0.0.1' } = process.env;
  return {
    kubeconfig,
    image,
    hostAddress,
    node: undefined,
    async kubectl(...args) {
      return (await run('kubectl', ['--kubeconfig', kubeconfig, ...args], { maxBuffer: 64 << 20 })).stdout.trim();
    },
    async stop() {},
  };
}
