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

  test('kubectl shows who leads, since when, and how often that changed', async () => {
    const at = (seconds: number) => `1970-01-01T00:00:0${seconds}.000000Z`;
    const show = '{.spec.holderIdentity} {.spec.leaseTransitions} {.spec.leaseDurationSeconds} {.spec.acquireTime} {.spec.renewTime}';
    const shown = () => server.kubectl('get', 'lease', '-n', namespace, 'faas-controller', '-o', `jsonpath=${show}`);
    await leadership.lead('controller', 'one', 5_000, 1_000);
    expect(await shown()).toBe(`one 1 5 ${at(1)} ${at(1)}`);
    await leadership.lead('controller', 'one', 5_000, 2_000);
    expect(await shown()).toBe(`one 1 5 ${at(1)} ${at(2)}`);
    await leadership.lead('controller', 'two', 5_000, 7_000);
    await leadership.lead('controller', 'two', 5_000, 8_000);
    expect(await shown()).toBe(`two 2 5 ${at(7)} ${at(8)}`);
    await leadership.resign('controller', 'two');
    expect(await shown()).toBe(`2 1 ${at(7)} ${at(8)}`);
    await leadership.lead('controller', 'two', 5_000, 9_000);
    expect(await shown()).toBe(`two 3 5 ${at(9)} ${at(9)}`);
  });

  test('a Lease that somebody deleted begins anew above what this process has seen', async () => {
    await leadership.lead('controller', 'one', 100, 1_000);
    await leadership.lead('controller', 'two', 100, 2_000);
    await server.kubectl('delete', 'lease', '-n', namespace, 'faas-controller');
    expect(await leadership.lead('controller', 'three', 100, 2_001)).toEqual({ fencing: 3 });
  });
});
