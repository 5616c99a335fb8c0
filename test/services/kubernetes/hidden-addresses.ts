import type { KubernetesApi } from '../../../controller/adapters/kubernetes/kubernetes-api.ts';

/** An API server that never tells where a pod is. */
export function hiddenAddresses(api: KubernetesApi): KubernetesApi {
  return {
    server: api.server,
    namespace: api.namespace,
    async send(request) {
      const answer = await api.send(request);
      return { ...answer, body: JSON.parse(hide(JSON.stringify(answer.body))) };
    },
    async follow(path, silentMs, signal) {
      const { status, pieces } = await api.follow(path, silentMs, signal);
      return { status, pieces: hideInLines(pieces) };
    },
    close: () => api.close(),
  };
}

function hide(json: string): string {
  return json.replaceAll('"podIP":', '"hidden":');
}

/** A piece may end within a word; a line does not. */
async function* hideInLines(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest = '';
  for await (const piece of pieces) {
    const whole = rest + piece.toString('latin1');
    const end = whole.lastIndexOf('\n') + 1;
    rest = whole.slice(end);
    if (end > 0) yield Buffer.from(hide(whole.slice(0, end)), 'latin1');
  }
}
