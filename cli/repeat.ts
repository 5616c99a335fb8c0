import { setTimeout as sleep } from 'node:timers/promises';
import type { Invocation } from './command.ts';

/** Shows something once, or every two seconds with --watch: on a terminal in place, elsewhere one after the other. */
export async function repeat({ args, out, signal }: Invocation, show: () => Promise<void>): Promise<number> {
  if (!args.on('watch')) {
    await show();
    return 0;
  }
  while (!signal.aborted) {
    if (out.clearable) await out.line('\u001b[2J\u001b[H');
    await show();
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    if (!out.clearable && !signal.aborted) await out.line('');
  }
  return 0;
}

const everyMs = 2_000;
