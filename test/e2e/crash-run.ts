import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type FaultPoint, faultPointNames } from '../../controller/fault-points.ts';
import type { PodFaultPoint } from '../../runtime/pod/fault-points.ts';
import { patienceMs, type ServerProcess } from './server-process.ts';
import { deploy, eventually, examine, nothing, type Sent, send } from './shop-run.ts';
import type { ShopVerdict } from './shop-verdict.ts';

export const hits = [1, 3, 7] as const;

/** Servers that live for seconds would start a pod each for nobody. Those of one hit have the pool that servers have, so that what dies are also warm starts. */
const withoutPool = { FAAS_PODS_POOL: '0' };
const pooledHit = hits[1];

/** Places that events, calls, schedules and deploys pass. Those of a replay and of a watch of resources have tests of their own: test/replay, test/watch. */
export const pointsOfLoad = faultPointNames.filter(at => !at.startsWith('replay.') && !at.startsWith('watch.'));

/** The server dies at a place when it is passed for the first, the third and the seventh time, each time after a restart; what is wrong in the end. */
export async function crashAtEach(
  server: ServerProcess,
  at: FaultPoint,
  env: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  let sent = nothing;
  let sending = Promise.resolve();
  for (const hit of hits) {
    await server.start({ ...env, ...(hit === pooledHit ? {} : withoutPool), FAAS_FAULT_POINT: `${at}:${hit}` });
    const before = sent;
    // Calls come three at a time and may be committed together: enough for the last hit in any case.
    const after = { webhooks: before.webhooks + 16, calls: before.calls + 24 };
    // Who sends does not know of deaths: what was not accepted goes to the next server, which is armed for its own.
    sending = sending.then(() => deployAndSend(server, deploysFor(at, hit), before, after));
    const end = await Promise.race([server.ended(patienceMs), failureOf(sending)]);
    if (end !== 'SIGKILL') return [`at hit ${hit} it ended with ${end}`];
    sent = after;
  }
  await server.start({ ...env, ...withoutPool });
  await sending;
  return told(at, sent, await examine(server, sent));
}

/** Pods, of the warm pool or not, die at a place when it is passed for the first, the third and the seventh time, whichever pod does; what is wrong in the end. */
export async function crashPodsAtEach(
  server: ServerProcess,
  at: PodFaultPoint,
  env: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const passages = join(server.folder, 'passages');
  await mkdir(passages);
  await server.start({ ...env, FAAS_POD_FAULT_POINT: `${at}:${hits.join()}:${passages}` });
  const sent = { webhooks: 32, calls: 16 };
  const last = hits[hits.length - 1] ?? 1;
  await deployAndSend(server, at.startsWith('load.') ? last : 1, nothing, sent);
  await eventually(async () => (await readdir(passages)).includes(String(last)));
  return told(at, sent, await examine(server, sent));
}

/** One line per run for people; answers what is wrong. */
function told(at: string, { webhooks, calls }: Sent, { lost, twice, wrong }: ShopVerdict): readonly string[] {
  console.log(`${at}, hits ${hits.join(', ')}: ${webhooks + calls} events, ${lost} lost, ${twice} twice, ${wrong.length} wrong`);
  return wrong;
}

/** What is deployed stays. */
function deploysFor(at: FaultPoint, hit: number): number {
  if (at.startsWith('deploy.')) return hit;
  return hit === hits[0] ? 1 : 0;
}

export async function deployAndSend(server: ServerProcess, deploys: number, before: Sent, after: Sent): Promise<void> {
  for (let round = 1; round <= deploys; round += 1) await deploy(server, before.webhooks + round);
  await send(server, before, after);
}

/** Settles only when it fails: what was sent is waited for later. */
function failureOf(sending: Promise<void>): Promise<never> {
  return new Promise((_, reject) => void sending.catch(reject));
}
