import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWith } from '../needed-service.ts';
import { startControlPlane } from './control-plane.ts';
import { givenKubeconfig, kubernetesService, nodePrograms } from './programs.ts';
import { openTestCluster, type TestCluster } from './test-cluster.ts';

const buildMs = 30 * 60_000;
const startMs = 180_000;

describeWith(kubernetesService, 'kubernetes services', () => {
  beforeAll(() => nodePrograms().then(() => undefined), buildMs);

  test(
    'the control plane alone keeps objects, and over a kill of the API server',
    async () => {
      const plane = await startControlPlane();
      try {
        await plane.kubectl('create', 'configmap', 'told', '--from-literal', 'word=kept');
        await plane.program('kube-apiserver').kill();
        plane.program('kube-apiserver').start();
        await expect
          .poll(() => plane.kubectl('get', 'configmap', 'told', '-o', 'jsonpath={.data.word}').catch(String), { timeout: 60_000 })
          .toBe('kept');
      } finally {
        await plane.stop();
      }
      expect(existsSync(plane.folder)).toBe(false);
    },
    startMs,
  );

  describe.skipIf(givenKubeconfig !== undefined)('a node', () => {
    let cluster: TestCluster;
    let before: readonly string[];
    beforeAll(async () => {
      before = traces();
      cluster = await openTestCluster();
    }, startMs);
    afterAll(() => cluster.stop());

    test('is ready', async () => {
      expect(await cluster.kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}')).toBe('True');
    });

    test(
      'runs a pod of our own image, which no registry has, shows what it prints, and deletes it',
      async () => {
        const command = [
          '--command',
          '--',
          'node',
          '-e',
          'console.log(1 + 1); setInterval(() => {}, 1000); process.once("SIGTERM", () => process.exit(0))',
        ];
        await cluster.kubectl('run', 'one', `--image=${cluster.image}`, '--image-pull-policy=Never', ...command);
        await cluster.kubectl('wait', '--for=condition=Ready', 'pod/one', '--timeout=60s');
        expect(await cluster.kubectl('logs', 'one')).toBe('2');
        await cluster.kubectl('delete', 'pod', 'one', '--timeout=60s');
        expect(await cluster.kubectl('get', 'pods', '-o', 'name')).toBe('');
      },
      startMs,
    );

    test(
      'leaves nothing behind: no process, no mount, no link, no control group',
      async () => {
        await cluster.kubectl(
          'run',
          'left',
          `--image=${cluster.image}`,
          '--image-pull-policy=Never',
          '--command',
          '--',
          'node',
          '-e',
          'setInterval(() => {}, 1000)',
        );
        await cluster.kubectl('wait', '--for=condition=Ready', 'pod/left', '--timeout=60s');
        expect(traces().length).toBeGreaterThan(before.length);
        await cluster.stop();
        expect(traces()).toEqual(before);
      },
      startMs,
    );
  });
});

/** What a cluster leaves on a machine that it does not clean up. */
function traces(): readonly string[] {
  const links = execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }).match(/faas-test\d+/g) ?? [];
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter(line => line.includes('faas-kubernetes-'));
  const groups = existsSync('/sys/fs/cgroup/memory')
    ? readdirSync('/sys/fs/cgroup/memory').filter(name => name.startsWith('faas-test'))
    : [];
  const programs = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter(line => line.includes('faas-kubernetes-') && !line.startsWith('ps '));
  return [...links, ...mounts, ...groups, ...programs].sort();
}
