import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaasEvent } from 'faas';

/** Takes as long as the event says, and notes that it ended. */
export default async function wait(event: FaasEvent<{ readonly ms: number; readonly index: number }>): Promise<void> {
  if (event.data.ms > 0) await sleep(event.data.ms);
  appendFileSync(process.env.OUT ?? '', `${event.key} ${event.data.index}\n`);
}
