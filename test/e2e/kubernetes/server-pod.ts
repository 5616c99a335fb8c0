import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { LoadedServer } from '../rolling-load.ts';
import { type Address, ServerProcess } from '../server-process.ts';
import { eventually } from '../shop-run.ts';
import { type ClusterWorld, namespace } from './cluster-world.ts';

const run = promisify(execFile);
const cli = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const name = 'faas';

/** A server that runs in the cluster, from the same image as its pods, with no more rights than the documentation says. */
export class ServerPod implements LoadedServer {
  readonly #world: ClusterWorld;
  #token = '';
  #ip = '';

  private constructor(world: ClusterWorld) {
    this.#world = world;
  }

  static async create(world: ClusterWorld): Promise<ServerPod> {
    const server = new ServerPod(world);
    const scratch = await ServerProcess.create();
    try {
      const file = join(scratch.folder, 'server.json');
      await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects(world) }));
      await world.cluster.kubectl('apply', '-f', file);
    } finally {
      await scratch.dispose();
    }
    await server.untilReady().catch(async error => {
      throw new Error(`${error}\n${await server.log().catch(String)}`);
    });
    return server;
  }

  /** Ready, at its address, with its token. */
  async untilReady(): Promise<void> {
    const { kubectl } = this.#world.cluster;
    await eventually(async () => {
      await kubectl('wait', '-n', namespace, '--for=condition=Ready', `pod/${name}`, '--timeout=10s');
      this.#ip = await kubectl('get', 'pod', '-n', namespace, name, '-o', 'jsonpath={.status.podIP}');
      this.#token = await this.node('process.stdout.write(require("fs").readFileSync("/data/token","utf8").trim())');
      return true;
    });
  }

  async address(): Promise<Address> {
    return { pid: 0, adminUrl: `http://${this.#ip}:7070`, gatewayUrl: `http://${this.#ip}:7071` };
  }

  async token(): Promise<string> {
    return this.#token;
  }

  async cli(args: readonly string[]): Promise<{ code: number | null; output: string }> {
    const { adminUrl } = await this.address();
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, FAAS_SERVER: adminUrl, FAAS_TOKEN: this.#token, NO_COLOR: '1' };
    return run(process.execPath, [cli, ...args], { env, maxBuffer: 64 << 20 }).then(
      ({ stdout }) => ({ code: 0, output: stdout }),
      ({ code, stdout, stderr }) => ({ code, output: `${stdout}${stderr}` }),
    );
  }

  /** Runs a script in its container. */
  node(script: string): Promise<string> {
    return this.#world.cluster.kubectl('exec', '-n', namespace, name, '--', 'node', '-e', script);
  }

  log(): Promise<string> {
    return this.#world.cluster.kubectl('logs', '-n', namespace, name, '--tail=50');
  }

  /** kill -9 of its process: the cluster starts it again in the same Pod. */
  async kill(): Promise<void> {
    const find = 'fs.readdirSync("/proc").find(p=>+p>0&&fs.readFileSync("/proc/"+p+"/cmdline","utf8").includes("cli/main.js\\0up"))';
    await this.node(`const fs=require("fs");process.kill(+${find},"SIGKILL")`);
  }

  /** How often the cluster has started it again. */
  async restarts(): Promise<number> {
    const counted = '{.status.containerStatuses[0].restartCount}';
    return Number(await this.#world.cluster.kubectl('get', 'pod', '-n', namespace, name, '-o', `jsonpath=${counted}`));
  }

  async delete(): Promise<void> {
    await this.#world.cluster.kubectl('delete', 'pod', '-n', namespace, name, '--timeout=120s');
  }
}

function objects({ cluster, kafka, redisUrl }: ClusterWorld): readonly object[] {
  const meta = { name, namespace };
  const field = (fieldPath: string) => ({ valueFrom: { fieldRef: { fieldPath } } });
  const settings = {
    FAAS_DATA: '/data',
    FAAS_STREAMS: `kafka://${kafka.bootstrap.join(',')}`,
    FAAS_KAFKA_SESSION: '3s',
    FAAS_STATE: redisUrl,
    FAAS_PODS: 'kubernetes',
    FAAS_KUBERNETES_IMAGE: cluster.image,
    FAAS_GATEWAY_ALLOW_UNVERIFIED: 'true',
    FAAS_LOG_LEVEL: 'info',
  };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: meta,
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch', 'create', 'patch', 'delete'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: meta,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: meta,
      spec: {
        serviceAccountName: name,
        shareProcessNamespace: true,
        securityContext: { runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            name: 'server',
            image: cluster.image,
            imagePullPolicy: 'IfNotPresent',
            env: [
              ...Object.entries(settings).map(([key, value]) => ({ name: key, value })),
              { name: 'FAAS_POD_NAME', ...field('metadata.name') },
              { name: 'FAAS_POD_UID', ...field('metadata.uid') },
              { name: 'FAAS_ADMIN_HOST', ...field('status.podIP') },
              { name: 'FAAS_GATEWAY_HOST', ...field('status.podIP') },
            ],
            readinessProbe: { httpGet: { path: '/readyz', port: 7070 }, periodSeconds: 1 },
            securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
            volumeMounts: [
              { name: 'data', mountPath: '/data' },
              { name: 'tmp', mountPath: '/tmp' },
            ],
          },
        ],
        volumes: [
          { name: 'data', emptyDir: {} },
          { name: 'tmp', emptyDir: {} },
        ],
      },
    },
  ];
}
