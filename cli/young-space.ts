import type { Settings } from '../controller/settings.ts';

/**
 * How far V8 may let the space for new objects grow, twice as far as by default. A server holds thousands of events for as long as they are handled, and what
 * outlives a collection is copied: with more room it collects less often (README.md#decisions). It grows with what is alive, so a server at rest needs 2 MB more.
 */
export const youngSpaceFlag = '--max-semi-space-size=32';

interface Started extends Pick<NodeJS.Process, 'env' | 'execPath' | 'platform'> {
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
  readonly channel?: unknown;
}

/** The same command with that flag, which Node takes from its command line alone; undefined: it is there, the server is one of a cluster's, or the process cannot be replaced. */
export function commandWithYoungSpace(started: Started, pods: Settings['pods']): readonly string[] | undefined {
  const { argv, env, execArgv, execPath, platform, channel } = started;
  // There memory counts for more: a controller and a dispatcher of hundreds of functions would keep the space that they grew.
  if (pods !== 'process') return undefined;
  // A parent that talks to this process would find nobody there any more.
  if (platform === 'win32' || channel !== undefined) return undefined;
  const isSet = [...execArgv, env.NODE_OPTIONS ?? ''].some(flag => /max[-_]semi[-_]space[-_]size/.test(flag));
  return isSet ? undefined : [execPath, youngSpaceFlag, ...execArgv, ...argv.slice(1)];
}

/** Does not return where Node can replace a process (22.15 and later). Elsewhere whoever starts a server gives the flag. */
export function growYoungSpace(pods: Settings['pods']): void {
  const command = commandWithYoungSpace(process, pods);
  const replace: unknown = Reflect.get(process, 'execve');
  if (command !== undefined && typeof replace === 'function') Reflect.apply(replace, process, [process.execPath, command, process.env]);
}
