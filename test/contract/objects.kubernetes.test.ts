import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { openKubernetesApi } from '../../controller/adapters/kubernetes/kubernetes-api.ts';
import { KubernetesObjects } from '../../controller/adapters/kubernetes/kubernetes-objects.ts';
import { systemClock } from '../../controller/clock.ts';
import { systemRandom } from '../../controller/random.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { anyBytes, startFaultProxy } from '../services/fault-proxy.ts';
import { type ApiServer, apiServerService, startApiServer } from '../services/kubernetes/api-server.ts';
import { testNamespace } from '../services/kubernetes/cluster-objects.ts';
import { describeWith } from '../services/needed-service.ts';
import { objectsContract } from './objects.ts';

describeWith(apiServerService, 'objects of a real API server', () => {
  let server: ApiServer;
  beforeAll(async () => {
    server = await startApiServer();
  }, 900_000);
  afterAll(() => server?.stop());

  objectsContract('kubernetes', async () => {
    const { namespace, put, remove, api: own } = await testNamespace(server);
    const proxy = await startFaultProxy({ target: { port: server.port }, frameEnd: anyBytes });
    const api = await openKubernetesApi({ kubeconfigFile: await server.kubeconfigVia(proxy.port) });
    return {
      objects: new KubernetesObjects({ api, clock: systemClock, random: systemRandom, log: silentLog }),
      namespace,
      put,
      remove,
      async setAway(isAway) {
        if (!isAway) return proxy.accept();
        await proxy.refuse();
        proxy.reset();
      },
      async until(holds) {
        for (const untilMs = performance.now() + 10_000; !holds(); await sleep(10)) {
          if (performance.now() > untilMs) throw new Error('not within ten seconds');
        }
      },
      async close() {
        api.close();
        own.close();
        await proxy.close();
      },
    };
  });
});
