import type { Clock } from '../clock.ts';
import type { History } from '../ports/history.ts';
import type { PodInfo } from '../ports/pods.ts';
import type { Log } from '../telemetry/log.ts';
import type { PodClient } from '../wire/pod-client.ts';
import type { PodDirectory } from '../wire/pod-directory.ts';
import type { HandlingMeter } from './handling-meter.ts';
import { handlingMark } from './handling-record.ts';

export interface HandlingOptions {
  readonly meter: Pick<HandlingMeter, 'take'>;
  readonly pods: Pick<PodDirectory, 'podsOf'>;
  readonly client: Pick<PodClient, 'status'>;
  readonly history: Pick<History, 'write'>;
  readonly clock: Clock;
  readonly log: Log;
}

const everyMs = 60_000;
/** Pods of a function that are asked for their memory each minute. */
const askedMax = 8;

/** Writes down each minute what was handled of each function, and how much memory its pods take. Ends when the signal aborts. */
export async function recordHandling(options: HandlingOptions, signal: AbortSignal): Promise<void> {
  const { clock, log } = options;
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal);
    await record(options).catch(error => log.warn('what was handled cannot be recorded', { error }));
  }
}

async function record({ meter, pods, client, history, clock }: HandlingOptions): Promise<void> {
  const atMs = clock.now();
  for (const [unit, handling] of meter.take()) {
    const ready = pods.podsOf(unit).filter(pod => pod.state === 'ready');
    const memoryBytes = await mostMemory(
      ready.slice(0, askedMax).map(({ pod }) => pod),
      client,
    );
    history.write({ kind: 'observation', atMs, unit, data: { what: handlingMark, ...handling, ...(memoryBytes > 0 && { memoryBytes }) } });
  }
}

/** Of those that answer; 0: none did. */
async function mostMemory(pods: readonly PodInfo[], client: Pick<PodClient, 'status'>): Promise<number> {
  const answers = await Promise.all(pods.map(pod => client.status(pod).catch(() => undefined)));
  return answers.reduce((most, status) => Math.max(most, status?.rssBytes ?? 0), 0);
}
