import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { writeImage } from '../../../scripts/write-image.mjs';
import { freePorts } from '../free-ports.ts';
import { makeCertificates } from './certificates.ts';
import { type Namespaces, openNamespaces } from './namespaces.ts';
import { bridge, containerdSocket, type NodePlace, nodePlace, pauseImage } from './node-place.ts';
import { RunningProgram } from './node-program.ts';
import { programFlags, settingsFiles } from './node-settings.ts';
import { nodePrograms } from './programs.ts';

const run = promisify(execFile);

/** An API server and what stands behind it. */
export interface ControlPlane {
  /** Of an administrator. */
  readonly kubeconfig: string;
  readonly folder: string;
  readonly apiServer: string;
  /** `etcd`, `kube-apiserver`, `containerd`, … */
  program(name: string): RunningProgram;
  /** What kubectl answers on its standard output; throws with what it says on the other. */
  kubectl(...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

/** Of the group `audit.k8s.io`, as far as it is read here. */
export interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  /** When it was answered, in ISO 8601. */
  readonly stageTimestamp: string;
}

/** A real cluster of one node, in namespaces of its own: API server, scheduler, controllers, kubelet, containers. */
export interface KubernetesNode extends ControlPlane {
  /** At which servers of a test listen that its pods shall reach. */
  readonly hostAddress: string;
  /** What service accounts have asked the API server for since it started. */
  auditLog(): Promise<readonly AuditEvent[]>;
  /** Makes an image known to the node, from an archive of `writeImage`. */
  importImage(archive: string): Promise<void>;
}

export async function startKubernetes(): Promise<KubernetesNode> {
  const home = await nodePrograms();
  const namespaces = await openNamespaces(join(home, 'pause'));
  const folder = await mkdtemp(join(tmpdir(), 'faas-kubernetes-'));
  const [api = 0, etcd = 0, etcdPeer = 0] = await freePorts(3);
  const node = new Node(home, nodePlace(folder, namespaces.slot, { api, etcd, etcdPeer }), namespaces);
  try {
    await node.start();
  } catch (error) {
    await node.stop();
    throw error;
  }
  return node;
}

class Node implements KubernetesNode {
  readonly folder: string;
  readonly kubeconfig: string;
  readonly apiServer: string;
  readonly hostAddress: string;
  readonly #home: string;
  readonly #place: NodePlace;
  readonly #namespaces: Namespaces;
  readonly #programs = new Map<string, RunningProgram>();

  constructor(home: string, place: NodePlace, namespaces: Namespaces) {
    this.#home = home;
    this.#place = place;
    this.#namespaces = namespaces;
    this.folder = place.folder;
    this.kubeconfig = join(place.folder, 'admin.kubeconfig');
    this.apiServer = place.apiServer;
    this.hostAddress = place.slot.hostAddress;
  }

  /** The API server's address is that of the bridge of pods, so that comes first. */
  async start(): Promise<void> {
    await writeSettings(this.#place);
    await this.#makeBridge();
    this.#run('containerd', ['containerd', '--config', join(this.folder, 'containerd', 'config.toml')]);
    for (const name of ['etcd', 'kube-apiserver'] as const) this.#runOwn(name);
    await this.#until('containerd', async () => (await this.#ctr('version')) !== undefined);
    await this.#importPause();
    await this.#until('kube-apiserver', async () => (await this.kubectl('get', '--raw', '/readyz')) === 'ok');
    for (const name of ['kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'] as const) this.#runOwn(name);
    const ready = ['get', 'node', this.#place.nodeName, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'];
    await this.#until('kubelet', async () => (await this.kubectl(...ready)) === 'True');
    await this.#until('kube-proxy', () => isOpen(this.#place.apiServiceAddress, 443));
    await this.#until('kube-controller-manager', async () => (await this.kubectl('get', 'serviceaccount', 'default', '-o', 'name')) !== '');
  }

  program(name: string): RunningProgram {
    const program = this.#programs.get(name);
    if (program === undefined) throw new Error(`no program ${name}: one of ${[...this.#programs.keys()].join(', ')}`);
    return program;
  }

  async kubectl(...args: string[]): Promise<string> {
    return kubectl(this.#home, this.kubeconfig, args);
  }

  async importImage(archive: string): Promise<void> {
    await this.#ctr('-n', 'k8s.io', 'images', 'import', archive);
  }

  async auditLog(): Promise<readonly AuditEvent[]> {
    const lines = (await readFile(join(this.folder, 'audit.log'), 'utf8')).split('\n').slice(0, -1);
    return lines.map(line => JSON.parse(line));
  }

  async stop(): Promise<void> {
    await this.#namespaces.end();
    await Promise.all([...this.#programs.values()].map(program => program.kill()));
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #makeBridge(): Promise<void> {
    for (const words of bridgeCommands(this.#place)) {
      const [command, ...args] = this.#namespaces.enter('ip', ...words);
      await run(command, args);
    }
  }

  #runOwn(name: Exclude<keyof ReturnType<typeof programFlags>, 'kubectl'>): void {
    const flags = Object.entries(programFlags(this.#place)[name]).map(([flag, value]) => `--${flag}=${value}`);
    this.#run(name, [join(this.#home, name), ...flags]);
  }

  #run(name: string, words: readonly [string, ...string[]]): void {
    const env = { PATH: [this.#home, process.env.PATH].join(delimiter), HOME: this.folder };
    const program = new RunningProgram(name, this.#namespaces.enter(...words), join(this.folder, `${name}.log`), env);
    this.#programs.set(name, program);
    program.start();
  }

  async #ctr(...args: string[]): Promise<string> {
    const [command, ...words] = this.#namespaces.enter('ctr', '-a', containerdSocket(this.#place), ...args);
    return (await run(command, words)).stdout;
  }

  async #importPause(): Promise<void> {
    const layer = join(this.folder, 'pause');
    await mkdir(layer);
    await cp(join(this.#home, 'pause'), join(layer, 'pause'));
    const archive = join(this.folder, 'pause.tar');
    await writeImage(archive, pauseImage, [layer], { Entrypoint: ['/pause'], User: '65535:65535' });
    await this.importImage(archive);
  }

  #until(name: string, holds: () => Promise<boolean>): Promise<void> {
    return this.program(name).until(holds);
  }
}

/** What programs read: certificates, kubeconfigs, settings. */
export async function writeSettings(place: NodePlace): Promise<void> {
  await makeCertificates(place);
  for (const [name, text] of Object.entries(settingsFiles(place))) {
    await mkdir(dirname(join(place.folder, name)), { recursive: true });
    await writeFile(join(place.folder, name), text);
  }
}

export async function kubectl(home: string, kubeconfig: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(join(home, 'kubectl'), ['--kubeconfig', kubeconfig, ...args], { maxBuffer: 64 << 20 });
  return stdout.trim();
}

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port, timeout: 500 });
    socket.once('connect', () => resolve(true));
    for (const event of ['error', 'timeout', 'close']) socket.once(event, () => resolve(false));
    for (const event of ['connect', 'timeout']) socket.once(event, () => socket.destroy());
  });
}

function bridgeCommands(place: NodePlace): readonly (readonly string[])[] {
  return [
    ['link', 'add', bridge, 'type', 'bridge'],
    ['addr', 'add', `${place.nodeAddress}/24`, 'dev', bridge],
    ['link', 'set', bridge, 'up'],
  ];
}
