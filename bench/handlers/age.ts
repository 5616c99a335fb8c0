import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaasEvent } from 'faas';

/** Takes a fixed time, all of it waiting, so that pods do not take the processor from one another; and notes when it was done. */
export default async function age(event: FaasEvent<{ readonly index: number }>): Promise<void> {
  await sleep(Number(process.env.SERVICE_MS));
  appendFileSync(process.env.OUT ?? '', `${process.env.SCALER} ${event.data.index} ${Date.now()}\n`);
}
