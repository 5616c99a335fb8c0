import { setFlagsFromString } from 'node:v8';
import type { RunningServer } from '../controller/main.ts';
import type { LoadedSettings } from '../controller/settings-source.ts';

export type { RunningServer };

/**
 * How far the heap may grow beyond what was alive at its last full collection. V8 itself lets it grow to four times that: under an overload the
 * server, which keeps a bounded window of events, would seem to grow for a minute before any of its garbage is taken away.
 */
const heapGrowthPercent = 60;

/** Starts a server in this process. What it logs goes to stderr, like all progress. */
export async function startServer(
  { settings, origins }: LoadedSettings,
  logs: { readonly level: string; readonly format: string },
): Promise<RunningServer> {
  setFlagsFromString(`--heap-growing-percent=${heapGrowthPercent}`);
  const [main, { createLog }] = await Promise.all([import('../controller/main.ts'), import('../controller/telemetry/json-log.ts')]);
  const output = process.stderr;
  const colour = output.isTTY === true && (process.env.NO_COLOR ?? '') === '';
  return main.startServer({ settings, origins, log: createLog({ ...logs, output, colour }) });
}
