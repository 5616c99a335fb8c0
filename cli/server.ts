import type { RunningServer } from '../controller/main.ts';
import type { LoadedSettings } from '../controller/settings-source.ts';
import { growYoungSpace } from './young-space.ts';

export type { RunningServer };

/** Starts a server in this process, or in one that takes its place. What it logs goes to stderr, like all progress. `onServing`: called before others can reach it. */
export async function startServer(
  { settings, origins }: LoadedSettings,
  logs: { readonly level: string; readonly format: string },
  onServing: () => void,
): Promise<RunningServer> {
  growYoungSpace(settings.pods);
  const [main, { createLog }] = await Promise.all([import('../controller/main.ts'), import('../controller/telemetry/json-log.ts')]);
  const output = process.stderr;
  const colour = output.isTTY === true && (process.env.NO_COLOR ?? '') === '';
  return main.startServer({ settings, origins, log: createLog({ ...logs, output, colour }), onServing });
}

/** Creates or upgrades the definitions of our custom resources in a cluster. */
export async function upgradeDefinitions(
  ...args: Parameters<typeof import('../controller/upgrade-definitions.ts').upgradeDefinitions>
): Promise<void> {
  await (await import('../controller/upgrade-definitions.ts')).upgradeDefinitions(...args);
}
