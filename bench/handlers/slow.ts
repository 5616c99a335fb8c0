import { setTimeout as sleep } from 'node:timers/promises';

/** 20 ms, whatever it is given. */
export default async function slow(): Promise<void> {
  await sleep(20);
}
