import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isRecord, type KubernetesObject } from '../../../controller/adapters/kubernetes/kubernetes-object.ts';
import { chart } from '../../helm/chart.ts';
import { helm } from '../../services/helm.ts';
import { conditionOf } from '../../services/kubernetes/condition-of.ts';
import type { LoadedServer } from '../rolling-load.ts';
import type { Address } from '../server-process.ts';
import { eventually } from '../shop-run.ts';
import type { ClusterWorld } from './cluster-world.ts';

const run = promisify(execFile);
const cli = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const lookEveryMs = 300;

/** Of a part of the release, as an endpoint of its service: ready, and not told to end. */
export interface PartPod {
  readonly name: string;
  readonly ip: string;
}

/** An installation of the chart, with a namespace of its own in which the restricted standard is enforced and warned of. */
export class ChartRelease {
  readonly namespace: string;
  readonly token = 'a'.repeat(48);
  readonly #world: ClusterWorld;
  readonly #values: readonly string[];

  constructor(world: ClusterWorld, namespace: string, more: readonly string[] = []) {
    this.#world = world;
    this.namespace = namespace;
    const [repository, tag] = world.cluster.image.split(/:(?=[^:]*$)/);
    const values = [
      `image.repository=${repository}`,
      'secret.name=faas',
      `kafka.brokers={${world.kafka.bootstrap.join(',')}}`,
      `redis.url=${world.redisUrl}`,
      'gateway.allowUnverified=true',
      'settings.FAAS_KAFKA_SESSION=3s',
      ...['controller', 'dispatcher', 'gateway'].map(part => `${part}.resources.requests.cpu=20m`),
    ];
    this.#values = ['--set-string', `image.tag=${tag}`, ...[...values, ...more].flatMap(value => ['--set', value])];
  }

  async prepare(): Promise<void> {
    const { namespace } = this;
    await this.kubectl('create', 'namespace', namespace);
    const standard = ['enforce', 'warn'].map(mode => `pod-security.kubernetes.io/${mode}=restricted`);
    await this.kubectl('label', 'namespace', namespace, ...standard);
    const literals = [`--from-literal=token=${this.token}`, `--from-literal=cluster=${'c'.repeat(48)}`];
    await this.kubectl('create', 'secret', 'generic', 'faas', '-n', namespace, ...literals);
  }

  /** What helm says, notes included. */
  install(): Promise<string> {
    return this.helm('install', 'faas', chart, '--wait', '--timeout', '180s', ...this.#values);
  }

  upgrade(...more: readonly string[]): Promise<string> {
    return this.helm('upgrade', 'faas', chart, '--wait', '--timeout', '240s', ...this.#values, ...more.flatMap(value => ['--set', value]));
  }

  helm(...args: readonly string[]): Promise<string> {
    return helm([...args, '--namespace', this.namespace], { KUBECONFIG: this.#world.cluster.kubeconfig });
  }

  kubectl(...args: string[]): Promise<string> {
    return this.#world.cluster.kubectl(...args);
  }

  async podsOf(part: string): Promise<readonly PartPod[]> {
    const selector = `app.kubernetes.io/instance=faas,app.kubernetes.io/component=${part}`;
    const pods = await this.#world.podsIn(this.namespace, selector);
    return pods.filter(pod => isReady(pod.object) && !pod.isLeaving).map(({ name, ip = '' }) => ({ name, ip }));
  }

  /** Whichever gateway is ready, as a service would choose it; the API of a controller. */
  async endpoint(): Promise<ReleaseEndpoint> {
    const endpoint = new ReleaseEndpoint(this);
    await endpoint.look();
    return endpoint;
  }

  async cli(args: readonly string[], adminUrl: string): Promise<{ code: number | null; output: string }> {
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, FAAS_SERVER: adminUrl, FAAS_TOKEN: this.token, NO_COLOR: '1' };
    return run(process.execPath, [cli, ...args], { env, maxBuffer: 64 << 20 }).then(
      ({ stdout }) => ({ code: 0, output: stdout }),
      ({ code, stdout, stderr }) => ({ code, output: `${stdout}${stderr}` }),
    );
  }

  /** kill -9 of the server in a pod, from outside of its container: its first process cannot be killed from inside. The cluster starts it again. */
  async kill(pod: string): Promise<void> {
    for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
      const [words, env] = await Promise.all(['cmdline', 'environ'].map(file => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')));
      if (words?.includes('cli/main.js\0up') && env?.includes(`HOSTNAME=${pod}\0`)) {
        process.kill(Number(pid), 'SIGKILL');
        return;
      }
    }
    throw new Error(`the server of ${pod} is not among the processes of this machine`);
  }

  async apply(object: object): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'faas-apply-'));
    try {
      const file = join(folder, 'object.json');
      await writeFile(file, JSON.stringify(object));
      return await this.kubectl('apply', '--server-side', '-n', this.namespace, '-f', file);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Waits until the condition of the resource's present generation reads like that, `False FAAS_LOAD_SYNTAX`; how long that took. */
  async becomes(resource: string, type: string, wanted: string): Promise<number> {
    const startedMs = performance.now();
    let last = '';
    await eventually(async () => {
      last = await conditionOf((...args) => this.kubectl(...args), ['fn', resource, '-n', this.namespace], type);
      return last === wanted;
    }).catch(error => {
      throw new Error(`${resource}: ${type} is ${last}, not ${wanted}: ${error}`);
    });
    return performance.now() - startedMs;
  }

  /** What servers wrote last, and what the cluster did to their pods, for a test that failed. */
  async logs(): Promise<string> {
    const selector = 'app.kubernetes.io/instance=faas';
    const own = ['-n', this.namespace];
    const names = (await this.kubectl('get', 'pods', ...own, '-l', selector, '-o', 'name').catch(String)).split('\n');
    const logs = names.map(name => this.kubectl('logs', ...own, name, '--prefix', '--tail=25').catch(String));
    const events = this.kubectl('get', 'events', ...own, '--sort-by=.lastTimestamp').catch(String);
    return (await Promise.all([...logs, events])).join('\n');
  }
}

/** Where clients of the release send, looked up again and again like a service does it. */
export class ReleaseEndpoint implements LoadedServer {
  readonly #release: ChartRelease;
  #gateways: readonly PartPod[] = [];
  #controllers: readonly PartPod[] = [];
  #turn = 0;
  #looking: Promise<void> | undefined;
  #isOver = false;

  constructor(release: ChartRelease) {
    this.#release = release;
  }

  async look(): Promise<void> {
    [this.#gateways, this.#controllers] = await Promise.all([this.#release.podsOf('gateway'), this.#release.podsOf('controller')]);
  }

  follow(): void {
    this.#looking = (async () => {
      while (!this.#isOver) {
        await this.look().catch(() => {});
        await sleep(lookEveryMs);
      }
    })();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#looking;
  }

  async address(): Promise<Address> {
    this.#turn += 1;
    const gateway = this.#gateways[this.#turn % Math.max(1, this.#gateways.length)];
    return { pid: 0, adminUrl: this.#admin(), gatewayUrl: `http://${gateway?.ip ?? '127.0.0.1'}:7071` };
  }

  async token(): Promise<string> {
    return this.#release.token;
  }

  cli(args: readonly string[]): Promise<{ code: number | null; output: string }> {
    return this.#release.cli(args, this.#admin());
  }

  #admin(): string {
    return `http://${this.#controllers[0]?.ip ?? '127.0.0.1'}:7070`;
  }
}

function isReady({ status }: KubernetesObject): boolean {
  const conditions = isRecord(status) && Array.isArray(status.conditions) ? status.conditions.filter(isRecord) : [];
  return conditions.some(({ type, status: holds }) => type === 'Ready' && holds === 'True');
}
