import { afterAll, beforeAll } from 'vitest';
import { openKubernetesApi } from '../../controller/adapters/kubernetes/kubernetes-api.ts';
import { createKubernetesPods } from '../../controller/adapters/kubernetes/kubernetes-pods.ts';
import { systemClock } from '../../controller/clock.ts';
import type { Pods } from '../../controller/ports/pods.ts';
import { systemRandom } from '../../controller/random.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { kubernetesService, nodePrograms } from '../services/kubernetes/programs.ts';
import { openTestCluster, type TestCluster } from '../services/kubernetes/test-cluster.ts';
import { describeWith } from '../services/needed-service.ts';
import { podsContract } from './pods.ts';

const buildMs = 30 * 60_000;
const namespace = 'pods-contract';

describeWith(kubernetesService, 'pods of a cluster', () => {
  let cluster: TestCluster;
  let servers = 0;
  beforeAll(async () => {
    await nodePrograms();
    cluster = await openTestCluster();
    await cluster.kubectl('create', 'namespace', namespace);
    await cluster.kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted');
  }, buildMs);
  afterAll(() => cluster.stop(), 60_000);

  /** Of a server of its own, so that nobody takes over what others have left. */
  const create = async (change: { readonly image?: string } = {}): Promise<Pods> => {
    servers += 1;
    return createKubernetesPods({
      api: await openKubernetesApi({ kubeconfigFile: cluster.kubeconfig }),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      secret: 'of the test',
      template: {
        ...{ namespace, image: cluster.image, serviceAccount: 'default', server: `server-${servers}`, cpu: '10m' },
        ...{ graceMs: 10_000, orphanMs: 5_000, owner: undefined },
        ...change,
      },
    });
  };
  podsContract({ name: 'a cluster', create, processes: false });
});
