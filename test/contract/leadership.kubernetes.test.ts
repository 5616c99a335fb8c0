import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { KubernetesLeadership } from '../../controller/adapters/kubernetes/kubernetes-leadership.ts';
import { type ApiServer, apiServerService, startApiServer } from '../services/kubernetes/api-server.ts';
import { testNamespace } from '../services/kubernetes/cluster-objects.ts';
import { describeWith } from '../services/needed-service.ts';
import { leadershipLaw } from './leadership.ts';

describeWith(apiServerService, 'leadership by Leases of a real API server', () => {
  let server: ApiServer;
  let namespace: string;
  let leadership: KubernetesLeadership;
  beforeAll(async () => {
    server = await startApiServer();
  }, 900_000);
  afterAll(() => server?.stop());
  beforeEach(async () => {
    const { api, namespace: own } = await testNamespace(server);
    namespace = own;
    leadership = new KubernetesLeadership({ api, namespace });
    return () => api.close();
  });

  leadershipLaw(() => leadership);

  test('kubectl shows who leads, and how often that changed', async () => {
    await leadership.lead('controller', 'one', 5_000, 1_000);
    await leadership.lead('controller', 'two', 5_000, 7_000);
    const show = '{.spec.holderIdentity} {.spec.leaseTransitions} {.spec.leaseDurationSeconds} {.spec.renewTime}';
    expect(await server.kubectl('get', 'lease', '-n', namespace, 'faas-controller', '-o', `jsonpath=${show}`)).toBe(
      'two 2 5 1970-01-01T00:00:07.000000Z',
    );
  });

  test('a Lease that somebody deleted begins anew above what this process has seen', async () => {
    await leadership.lead('controller', 'one', 100, 1_000);
    await leadership.lead('controller', 'two', 100, 2_000);
    await server.kubectl('delete', 'lease', '-n', namespace, 'faas-controller');
    expect(await leadership.lead('controller', 'three', 100, 2_001)).toEqual({ fencing: 3 });
  });
});
