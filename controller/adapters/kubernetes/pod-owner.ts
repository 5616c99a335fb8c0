import { expectOk, type KubernetesApi } from './kubernetes-api.ts';
import { readObject } from './kubernetes-object.ts';

/** The pod that the server runs in, as the owner of its pods. Throws what the API server says. */
export async function readOwner(api: KubernetesApi, namespace: string, name: string): Promise<{ name: string; uid: string }> {
  const answer = await api.send({ method: 'GET', path: `/api/v1/namespaces/${namespace}/pods/${name}` });
  const uid = readObject(expectOk(answer, `the server’s own pod ${name}`))?.metadata.uid;
  if (uid === undefined) throw new Error(`the answer for pod ${name} is no pod`);
  return { name, uid };
}
