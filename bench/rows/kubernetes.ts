import { setTimeout as sleep } from 'node:timers/promises';
import { expectOk, openKubernetesApi } from '../../controller/adapters/kubernetes/kubernetes-api.ts';
import type { TestCluster } from '../../test/services/kubernetes/test-cluster.ts';
import { eventually } from '../child.ts';
import { type ClusterWorld, withClusterWorld } from '../cluster-world.ts';
import { nowMs } from '../entries.ts';
import { type FaasServer, startFaas } from '../faas-server.ts';
import { cpuSeconds } from '../process-figures.ts';
import { boundRow, type Row, type RowResult } from '../row.ts';
import { median, percentile } from '../statistics.ts';

const warmStarts = 20;
const newStarts = 10;
const patienceMs = 120_000;
/** The best published figure for a warm pool. */
const warmAtMostMs = 77;

const manifest = (scale: string) => `version: 1
context: bench
streams:
  orders: { partitions: 8 }
functions:
  entry:
    handler: entry-kept.ts
    on:
      - stream: { streams: [orders] }
    scale: ${scale}
`;

interface Kept {
  readonly sinceSentMs: number;
  readonly sinceAppendMs: number;
}

/** One event to a function without pods, again and again. */
async function startTimes({ cluster, stores, pods }: ClusterWorld, pool: number, starts: number): Promise<readonly Kept[]> {
  const server = await startFaas({ ...stores, ...pods, 'pods-pool': String(pool), 'scale-idle': '200ms' });
  try {
    await server.deploy(manifest('{ min: 0, max: 1 }'));
    for (let turn = 1; turn <= starts; turn += 1) {
      await restore(server, cluster, pool);
      await server.emit('bench.orders', [{ key: `${pool}-${turn}`, data: { sentAtMs: nowMs() } }]);
      await eventually(
        'the event is handled',
        async () => ((await keptBy(server, `${pool}-`)).length >= turn ? true : undefined),
        patienceMs,
        50,
      );
    }
    return await keptBy(server, `${pool}-`);
  } finally {
    await server.stop();
  }
}

async function keptBy(server: FaasServer, prefix: string): Promise<readonly Kept[]> {
  const answer = await server.get(`/v1/functions/bench/entry/state?prefix=${prefix}`);
  return (answer as { readonly entries: readonly { readonly value: Kept }[] }).entries.map(({ value }) => value);
}

/** Until the cluster has no pods but `pool` generic ones, and the server knows them. */
async function restore(server: FaasServer, { kubectl }: TestCluster, pool: number): Promise<void> {
  const rest = async () =>
    (await kubectl('get', 'pods', '-o', 'name')).split('\n').filter(name => name !== '').length === pool &&
    (await server.metric('faas_pods', 'state="generic"')) === pool;
  await eventually('pods end, and generic ones wait', async () => ((await rest()) ? true : undefined), patienceMs, 200);
  await sleep(1_500);
}

/** From the request to the first line of a program of the same image, which does nothing else. */
async function barePodStarts({ kubectl, image }: TestCluster, starts: number): Promise<readonly number[]> {
  const times: number[] = [];
  for (let turn = 0; turn < starts; turn += 1) {
    const name = `bare-${turn}`;
    const begunMs = nowMs();
    const script = 'console.log(performance.timeOrigin + performance.now())';
    await kubectl(
      'run',
      name,
      `--image=${image}`,
      '--restart=Never',
      '--image-pull-policy=IfNotPresent',
      '--command',
      '--',
      'node',
      '-e',
      script,
    );
    const line = await eventually(
      'the bare pod has run',
      async () => (await kubectl('logs', name).catch(() => '')) || undefined,
      patienceMs,
      100,
    );
    times.push(Number(line) - begunMs);
    await kubectl('delete', 'pod', name, '--wait=true', '--grace-period=0', '--force');
  }
  return times;
}

export const fromZeroOnKubernetes: Row = {
  name: 'from-zero-kubernetes',
  measure: () =>
    withClusterWorld(async world => {
      const warm = await startTimes(world, 1, warmStarts);
      const fresh = await startTimes(world, 0, newStarts);
      const bare = await barePodStarts(world.cluster, newStarts);
      return [
        boundRow('from zero on Kubernetes: append to handler entry, generic warm pod, p95', 'ms', p95(warm), warmAtMostMs, 0, noteOf(warm)),
        besideBare(p95(fresh), percentile(bare, 0.95), `${noteOf(fresh)}; bare p50 ${median(bare).toFixed(0)} ms`),
      ];
    }),
};

const p95 = (kept: readonly Kept[]) =>
  percentile(
    kept.map(({ sinceAppendMs }) => sinceAppendMs),
    0.95,
  );

function noteOf(kept: readonly Kept[]): string {
  const p50 = (figure: (one: Kept) => number) => median(kept.map(figure)).toFixed(0);
  return `p50 ${p50(one => one.sinceAppendMs)} ms; from before the request p50 ${p50(one => one.sinceSentMs)} ms`;
}

function besideBare(ours: number, bare: number, note: string): RowResult {
  const other = { name: 'from kubectl run to the first line of a bare Node pod', value: bare };
  const wanted = { relation: 'at most', value: 1.5, of: 'ratio' } as const;
  return { measure: 'the same with a new pod, image present, p95', unit: 'ms', ours, other, figure: ours / bare, wanted, pods: 0, note };
}

const churned = 200;
const churnMs = 20_000;
/** Of each pod: what a node tells of one in a second, in the worst case. */
const changeEveryMs = 1_000;
const patchesAtOnce = 8;
const contentType = 'application/strategic-merge-patch+json';

/** Pods that no node takes, so that two hundred of them cost nothing but their changes, each changed again and again. */
export const churnOnKubernetes: Row = {
  name: 'churn-kubernetes',
  measure: () =>
    withClusterWorld(async ({ cluster, stores, pods }) => {
      const first = await startFaas(stores);
      await first.deploy(manifest(`{ min: 0, max: ${churned} }`)).finally(() => first.stop());
      const nowhere = JSON.stringify({ nodeSelector: { nowhere: 'at-all' } });
      const settings = { ...stores, ...pods, 'pods-pool': '0', 'pods-max': String(churned), 'kubernetes-pod-fields': nowhere };
      const server = await startFaas(settings);
      try {
        await server.cli('scale', 'set', 'bench.entry', '--replicas', String(churned));
        const names = await eventually(
          'two hundred pods are there',
          async () => {
            const found = (await cluster.kubectl('get', 'pods', '-o', 'name')).split('\n');
            return found.length >= churned ? found : undefined;
          },
          patienceMs,
          500,
        );
        await sleep(5_000);
        const quiet = await costOf(server.pid, cluster, () => sleep(churnMs));
        let patches = 0;
        // The first ones are what the code is compiled by; what is asked is what they cost from then on.
        await churn(cluster, names, churnMs);
        const busy = await costOf(server.pid, cluster, async () => {
          patches = await churn(cluster, names, churnMs);
        });
        const perSecond = (requests: number) => ((requests / churnMs) * 1_000).toFixed(1);
        const note = `${perSecond(patches)} changes/s, ${(100 * quiet.cpuShare).toFixed(1)} % of a core before; requests for pods by others ${perSecond(busy.requests - patches)}/s, ${perSecond(quiet.requests)}/s before`;
        return [
          {
            ...boundRow(
              `status of ${churned} pods changing all the time: processor of the server`,
              '% of a core',
              100 * busy.cpuShare,
              10,
              churned,
              note,
            ),
          },
        ];
      } finally {
        await server.stop();
      }
    }),
};

async function costOf(pid: number, cluster: TestCluster, work: () => Promise<unknown>) {
  const before = { atMs: performance.now(), cpu: cpuSeconds([pid]), requests: await requestsForPods(cluster) };
  await work();
  const tookS = (performance.now() - before.atMs) / 1_000;
  return { cpuShare: (cpuSeconds([pid]) - before.cpu) / tookS, requests: (await requestsForPods(cluster)) - before.requests };
}

/** As the API server has counted them since it started, by everybody. */
async function requestsForPods({ kubectl }: TestCluster): Promise<number> {
  const lines = (await kubectl('get', '--raw', '/metrics')).split('\n');
  const ofPods = lines.filter(line => line.startsWith('apiserver_request_total{') && line.includes('resource="pods"'));
  return ofPods.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** As kubelets do it, of one pod after the other, each once per {@link changeEveryMs} as far as the API server can follow. */
async function churn({ kubeconfig }: TestCluster, names: readonly string[], forMs: number): Promise<number> {
  const api = await openKubernetesApi({ kubeconfigFile: kubeconfig });
  const fromMs = performance.now();
  let sent = 0;
  const sender = async (): Promise<void> => {
    for (;;) {
      const dueMs = (sent * changeEveryMs) / names.length;
      if (dueMs >= forMs) return;
      const name = (names[sent % names.length] ?? '').replace('pod/', '');
      sent += 1;
      await sleep(Math.max(0, fromMs + dueMs - performance.now()));
      const condition = { type: 'bench/Churn', status: 'True', message: String(sent), lastTransitionTime: new Date().toISOString() };
      const path = `/api/v1/namespaces/default/pods/${name}/status`;
      expectOk(await api.send({ method: 'PATCH', path, contentType, body: { status: { conditions: [condition] } } }), 'churn');
    }
  };
  try {
    await Promise.all(Array.from({ length: patchesAtOnce }, sender));
  } finally {
    api.close();
  }
  return sent;
}
