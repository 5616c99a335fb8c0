import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type NodeSlot, nodeSlot, slotsMax } from './node-place.ts';

const run = promisify(execFile);

const controlGroups = '/sys/fs/cgroup';

/** Namespaces of processes, mounts and network that end, with all that is in them, when their first process ends. */
export interface Namespaces {
  /** Of the first process in them. */
  readonly pid: number;
  readonly slot: NodeSlot;
  /** Words that run a program in them. */
  enter(command: string, ...args: string[]): readonly [command: string, ...args: string[]];
  end(): Promise<void>;
}

/**
 * `init` is the program that becomes their first process. Containers, shims, mounts, bridges and firewall rules all live in them: whatever way this process
 * ends, nothing of a cluster is left on the machine. What a container runtime writes to fixed places is hidden behind file systems in memory.
 */
export async function openNamespaces(init: string): Promise<Namespaces> {
  const guard = 'exec 3<&0; "$@" </dev/null & p=$!; (cat <&3 >/dev/null; kill -9 $p) >/dev/null 2>&1 & exec 2>/dev/null; wait $p';
  const unshare = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', init];
  const shell = spawn('sh', ['-c', guard, 'sh', ...unshare], { stdio: ['pipe', 'ignore', 'inherit'] });
  const ended = once(shell, 'exit');
  shell.stdin.on('error', () => undefined);
  const pid = await firstProcess(shell.pid ?? -1, init);
  const enter: Namespaces['enter'] = (command, ...args) => ['nsenter', '-t', `${pid}`, '-m', '-n', '-p', '--', command, ...args];
  const inside = async (command: string, ...args: string[]) => {
    const [program, ...rest] = enter(command, ...args);
    await run(program, rest);
  };
  for (const place of ['/run', '/var/log', '/var/lib/cni', '/var/lib/kubelet']) {
    await mkdir(place, { recursive: true });
    await inside('mount', '-t', 'tmpfs', 'tmpfs', place);
  }
  const slot = await linkToHost(pid, inside);
  await makeControlGroups(slot);
  return {
    pid,
    slot,
    enter,
    async end() {
      // The kernel takes the cable away some time after the namespace it led to: now, while its name is surely ours, it goes at once.
      await run('ip', ['link', 'delete', slot.hostLink]).catch(() => undefined);
      shell.stdin.end();
      await ended;
      await removeControlGroups(slot);
    },
  };
}

/** The process that `unshare` forked, once it is the wanted program. */
async function firstProcess(shellPid: number, program: string): Promise<number> {
  for (let tries = 0; tries < 500; tries += 1) {
    for (const child of await descendants(shellPid)) {
      const command = await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '');
      if (command.split('\0')[0] === program) return child;
    }
    await sleep(10);
  }
  throw new Error(`${program} did not start in namespaces of its own: this needs root on Linux`);
}

/** Processes below this one, in no order. */
export async function descendants(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const children = text.split(' ').filter(Boolean).map(Number);
  return [...children, ...(await Promise.all(children.map(descendants))).flat()];
}

/** A cable between the machine and the namespaces: nothing else leaves them, and it goes with them. Its name is taken by one cluster at a time. */
async function linkToHost(pid: number, inside: (command: string, ...args: string[]) => Promise<void>): Promise<NodeSlot> {
  const slot = await takeSlot(pid);
  const { hostLink, hostAddress, uplinkAddress } = slot;
  await run('ip', ['addr', 'add', `${hostAddress}/30`, 'dev', hostLink]);
  await run('ip', ['link', 'set', hostLink, 'up']);
  await inside('ip', 'link', 'set', 'lo', 'up');
  await inside('ip', 'addr', 'add', `${uplinkAddress}/30`, 'dev', 'uplink');
  await inside('ip', 'link', 'set', 'uplink', 'up');
  await inside('ip', 'route', 'add', 'default', 'via', hostAddress);
  for (const range of [slot.podRange, slot.serviceRange]) await run('ip', ['route', 'add', range, 'via', uplinkAddress]);
  await inside('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.bridge.bridge-nf-call-iptables=1');
  return slot;
}

async function takeSlot(pid: number): Promise<NodeSlot> {
  for (let index = 0; ; index += 1) {
    const slot = nodeSlot(index);
    try {
      await run('ip', ['link', 'add', slot.hostLink, 'type', 'veth', 'peer', 'name', 'uplink', 'netns', `${pid}`]);
      return slot;
    } catch (error) {
      if (index + 1 === slotsMax || !String(error).includes('File exists')) throw error;
    }
  }
}

async function controllers(): Promise<readonly string[]> {
  if (existsSync(join(controlGroups, 'cgroup.controllers'))) return [controlGroups];
  return (await readdir(controlGroups)).map(name => join(controlGroups, name));
}

async function makeControlGroups({ controlGroup }: NodeSlot): Promise<void> {
  for (const controller of await controllers()) await mkdir(join(controller, controlGroup), { recursive: true });
}

/** Only empty ones can be removed, and only those of this name are. */
async function removeControlGroups({ controlGroup }: NodeSlot): Promise<void> {
  for (const controller of await controllers()) await removeTree(join(controller, controlGroup));
}

async function removeTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  for (let tries = 0; tries < 100; tries += 1) {
    const left = await rmdir(folder).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === 'EBUSY',
    );
    if (!left) return;
    await sleep(20);
  }
}
