import { randomUUID } from 'node:crypto';
import { expectOk, type KubernetesApi, openKubernetesApi } from '../../../controller/adapters/kubernetes/kubernetes-api.ts';
import type { ApiServer } from './api-server.ts';

/** ConfigMaps in a namespace of their own, as somebody else writes them. */
export interface TestNamespace {
  readonly api: KubernetesApi;
  readonly namespace: string;
  /** Creates it, or replaces what is there. */
  put(name: string, data: Readonly<Record<string, string>>, labels?: Readonly<Record<string, string>>): Promise<void>;
  remove(name: string): Promise<void>;
  /** Revision of the database. */
  revision(): Promise<number>;
}

/** No namespace controller runs here, so that a namespace is only a name; `default` is always there. */
export async function testNamespace(server: Pick<ApiServer, 'kubeconfig'>): Promise<TestNamespace> {
  const api = await openKubernetesApi({ kubeconfigFile: server.kubeconfig });
  const namespace = `test-${randomUUID().slice(0, 8)}`;
  const made = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
  expectOk(await api.send({ method: 'POST', path: '/api/v1/namespaces', body: made }), 'namespace');
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  return {
    api,
    namespace,
    async put(name, data, labels = {}) {
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data };
      const replaced = await api.send({ method: 'PUT', path: `${path}/${name}`, body });
      if (replaced.status === 404) expectOk(await api.send({ method: 'POST', path, body }), name);
      else expectOk(replaced, name);
    },
    async remove(name) {
      expectOk(await api.send({ method: 'DELETE', path: `${path}/${name}` }), name);
    },
    async revision() {
      const list = expectOk(await api.send({ method: 'GET', path: `${path}?limit=1` }), 'list');
      return Number((list as { metadata: { resourceVersion: string } }).metadata.resourceVersion);
    },
  };
}

/** As the API server does it every five minutes: what is older than this revision can be neither read nor watched from. */
export async function compact({ etcdUrl }: ApiServer, revision: number): Promise<void> {
  const body = JSON.stringify({ revision: String(revision), physical: true });
  const answer = await fetch(`${etcdUrl}/v3/kv/compaction`, { method: 'POST', body });
  if (!answer.ok) throw new Error(`the database was not compacted: ${await answer.text()}`);
}
