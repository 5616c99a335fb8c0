import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeployAnswer } from '../../controller/api/contract.ts';
import { type ApiClient, apiClient } from '../api-client.ts';
import type { Invocation } from '../command.ts';
import { readToken } from '../connect.ts';
import { DevSession, namesOf } from '../dev-session.ts';
import { CommandFailure, reportFailure } from '../failure.ts';
import { watchFolder } from '../file-watch.ts';
import { logLine } from '../log-line.ts';
import { followLogs, levels, readLogs } from '../log-reader.ts';
import type { Output } from '../output.ts';
import { fields, printable } from '../output.ts';
import { manifestPath, type Project } from '../project.ts';
import { type RunningServer, startServer } from '../server.ts';
import { resolveSettings } from '../setting-flags.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out, cwd, env, signal } = invocation;
  const loaded = await resolveSettings(invocation, true);
  const file = manifestPath(cwd, args.text('file') ?? 'faas.yaml');
  const folder = resolve(cwd, loaded.settings.data);
  // What the server does is of interest here only when it goes wrong.
  const quiet = loaded.origins['log.level'] === 'default' && !args.on('verbose');
  const server = await startServer(loaded, quiet ? 'warn' : undefined);
  const client = apiClient({ ...server, token: await readToken(folder) }, { timeoutMs: 30_000, folder });
  const session = new DevSession({ file, cwd, env, client });
  const watcher = await watchFolder(dirname(file), { ignored: [folder], concerns: path => session.concerns(path), signal });
  const logs = showLogs(client, out, signal);
  try {
    await deploy(session, undefined, invocation);
    out.progress(`${welcome(server, session.project)}\nwatching for changes; Ctrl-C stops`);
    for (;;) {
      watcher.add(session.inputs());
      const changed = await watcher.next();
      if (changed === undefined) break;
      await deploy(session, changed, invocation);
    }
    out.progress('stopping; Ctrl-C again ends it at once, and loses nothing');
    return 0;
  } finally {
    await Promise.all([watcher.close(), session.close(), logs]);
    await server.stop();
  }
}

/** One save, from the changed files to the live revisions. Whatever is wrong is shown, and what was live stays live. */
async function deploy(session: DevSession, changed: ReadonlySet<string> | undefined, { out, cwd, args }: Invocation): Promise<void> {
  const startedMs = performance.now();
  try {
    const answer = await session.update(changed);
    for (const warning of changed === undefined ? answer.warnings : [])
      out.warning(`${out.paintError('yellow', 'warning:')} ${printable(warning)}`);
    const what = changed === undefined ? 'deployed' : `${namesOf(changed, cwd)} →`;
    out.progress(
      `${out.paintError('green', '✓')} ${printable(what)} ${liveNow(answer, out)} ${out.paintError('dim', `${Math.round(performance.now() - startedMs)} ms`)}`,
    );
  } catch (cause) {
    if (!(cause instanceof CommandFailure)) throw cause;
    out.status('');
    reportFailure(cause, process.stderr, args.on('verbose'));
    out.warning(out.paintError('dim', 'what was live before is still live; save again when it is mended'));
  }
}

function liveNow(answer: DeployAnswer, out: Output): string {
  const changed = answer.functions.filter(one => one.change !== 'unchanged');
  if (changed.length === 0) return 'nothing changed';
  return changed.map(one => `${one.unit} ${out.paintError('dim', one.change === 'removed' ? 'removed' : one.revision)}`).join(', ');
}

/** Where everything is, as one would open it. */
function welcome(server: RunningServer, project: Project | undefined): string {
  const hooks = (project?.spec.functions ?? []).flatMap(one =>
    one.on.flatMap(trigger =>
      trigger.kind === 'webhook' ? [['webhook', `${server.gatewayUrl}/hooks/${project?.spec.context}${trigger.path}`] as const] : [],
    ),
  );
  return fields([['admin', server.adminUrl], ['gateway', server.gatewayUrl], ...hooks]);
}

/** What functions print, until the signal. The server is in this process: a lost connection is only its end. */
async function showLogs(client: ApiClient, out: Output, signal: AbortSignal): Promise<void> {
  const wanted = { unit: undefined, context: undefined, levels, sinceMs: undefined };
  const print = async (entry: Parameters<typeof logLine>[0]) =>
    entry.unit === '' ? undefined : out.line(logLine(entry, out.paint, out.verbose));
  let after = await readLogs(client, wanted, 0).then(
    found => found.lastId,
    () => undefined,
  );
  while (!signal.aborted) {
    after = await followLogs(client, wanted, after, signal, print).catch(() => after);
    await sleep(250, undefined, { signal }).catch(() => undefined);
  }
}
