import { appendFileSync } from 'node:fs';
import type { FaasEvent } from 'faas';

const release = 'r0';

/** Notes its entry: at what time, how long after the event was sent and after it was appended, by which release, in which pod. */
export default function entry(event: FaasEvent<{ readonly sentAtMs: number }>): void {
  const nowMs = performance.timeOrigin + performance.now();
  const note = [nowMs, nowMs - event.data.sentAtMs, nowMs - Date.parse(event.time), release, process.pid].join(' ');
  appendFileSync(process.env.OUT ?? '', `${note}\n`);
}
