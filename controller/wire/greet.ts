import type { Batch } from '../../runtime/protocol/messages.ts';
import type { PodInfo } from '../ports/pods.ts';
import type { BatchListener, PodClient } from './pod-client.ts';

/** Of no function: every pod refuses it. */
const nobodysBatch: Batch = { batchToken: '', unit: '', revision: '', events: [], state: [] };
const silent: BatchListener = { result: () => undefined, log: () => undefined };
/** Fewer than a pod rehearses by itself: each waits for an answer. */
const times = 5;

/** Asks a pod for nothing, as a load and a batch ask for something: the connection is there, and both its ends have done once what these need. */
export async function greet(client: Pick<PodClient, 'status' | 'run'>, pod: PodInfo): Promise<void> {
  await client.status(pod);
  for (let time = 0; time < times; time += 1) await client.run(pod, nobodysBatch, silent);
}
