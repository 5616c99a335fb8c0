import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../free-ports.ts';
import { type ControlPlane, kubectl, writeSettings } from './kubernetes-node.ts';
import { nodePlace, nodeSlot } from './node-place.ts';
import { RunningProgram } from './node-program.ts';
import { programFlags } from './node-settings.ts';
import { nodePrograms } from './programs.ts';

/** Kills the program when our end of the pipe is gone, however we ended. */
const guard = 'exec 3<&0; "$@" 3<&- </dev/null & p=$!; (cat <&3 >/dev/null; kill -9 $p) >/dev/null 2>&1 & wait $p';
const loopback = '127.0.0.1';

/**
 * etcd and an API server on loopback, and nothing that acts on objects: for whoever tests resources, watches and leases. Needs no root and no namespaces. Nobody
 * collects what has lost its owner, and no namespace gets a service account.
 */
export async function startControlPlane(): Promise<ControlPlane & { readonly etcdUrl: string }> {
  const home = await nodePrograms();
  const folder = await mkdtemp(join(tmpdir(), 'faas-control-plane-'));
  const [api = 0, etcd = 0, etcdPeer = 0] = await freePorts(3);
  const own = { ...nodeSlot(0), nodeAddress: loopback };
  const place = nodePlace(folder, own, { api, etcd, etcdPeer });
  const kubeconfig = join(folder, 'admin.kubeconfig');
  const flags = programFlags(place);
  const programs = new Map(
    Object.entries({
      etcd: flags.etcd,
      'kube-apiserver': { ...flags['kube-apiserver'], 'disable-admission-plugins': 'ServiceAccount' },
    }).map(([name, words]) => {
      const args = Object.entries(words).map(([flag, value]) => `--${flag}=${value}`);
      const env = { PATH: `${process.env.PATH}`, HOME: folder };
      return [name, new RunningProgram(name, ['sh', '-c', guard, 'sh', join(home, name), ...args], join(folder, `${name}.log`), env)];
    }),
  );
  const program = (name: string) => {
    const found = programs.get(name);
    if (found === undefined) throw new Error(`no program ${name}: one of ${[...programs.keys()].join(', ')}`);
    return found;
  };
  const stop = async () => {
    await Promise.all([...programs.values()].map(one => one.kill()));
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const ask = (...args: string[]) => kubectl(home, kubeconfig, args);
  try {
    await writeSettings(place);
    for (const one of programs.values()) one.start();
    await program('kube-apiserver').until(async () => (await ask('get', '--raw', '/readyz')) === 'ok');
  } catch (error) {
    await stop();
    throw error;
  }
  return { etcdUrl: `http://${loopback}:${etcd}`, kubeconfig, folder, apiServer: place.apiServer, program, kubectl: ask, stop };
}
