import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeployAnswer } from '../../controller/api/contract.ts';
import type { LoadedSettings } from '../../controller/settings-source.ts';
import { type ApiClient, apiClient } from '../api-client.ts';
import type { Invocation } from '../command.ts';
import { readToken } from '../connect.ts';
import { DevSession, namesOf } from '../dev-session.ts';
import { CommandFailure, reportFailure } from '../failure.ts';
import { type Change, watchFolder } from '../file-watch.ts';
import { logLine } from '../log-line.ts';
import { followLogs, levels, readLogs } from '../log-reader.ts';
import type { Output } from '../output.ts';
import { fields, printable } from '../output.ts';
import { manifestPath, noManifest, type Project } from '../project.ts';
import { type RunningServer, startServer } from '../server.ts';
import { resolveSettings } from '../setting-flags.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out, cwd } = invocation;
  const loaded = await resolveSettings(invocation, true);
  const file = manifestPath(cwd, args.text('file') ?? 'faas.yaml');
  if (!existsSync(file)) throw noManifest(file, cwd);
  const server = await startServer(loaded, logsOf(loaded, out), invocation.onHolding);
  try {
    await serve(invocation, server, file, resolve(cwd, loaded.settings.data));
    out.progress('stopping; Ctrl-C again ends it at once, and loses nothing');
    return 0;
  } finally {
    await server.stop();
  }
}

async function serve(invocation: Invocation, server: RunningServer, file: string, folder: string): Promise<void> {
  const { out, cwd, env, signal } = invocation;
  const client = apiClient({ ...server, token: await readToken(folder) }, { timeoutMs: 30_000, folder });
  const session = new DevSession({ file, cwd, env, client });
  const watcher = await watchFolder(dirname(file), { ignored: [folder], concerns: path => session.concerns(path), signal });
  const broken = new AbortController();
  const logs = showLogs(client, out, AbortSignal.any([signal, broken.signal]));
  const update = (change: Change | undefined) => deploy(session, change, invocation);
  try {
    await update(undefined);
    out.progress(`${welcome(server, session.project)}\nwatching for changes; Ctrl-C stops`);
    for (;;) {
      watcher.add(session.inputs());
      const change = await watcher.next();
      if (change === undefined) return;
      await update(change);
    }
  } finally {
    broken.abort();
    await Promise.all([watcher.close(), session.close(), logs]);
  }
}

/** For a person at work: text, and only what goes wrong unless more was asked for. */
function logsOf({ settings, origins }: LoadedSettings, out: Output) {
  const quiet = origins['log.level'] === 'default' && !out.verbose;
  return { level: quiet ? 'warn' : settings['log.level'], format: settings['log.format'] === 'auto' ? 'text' : settings['log.format'] };
}

/** One save, from the changed files to the live revisions. Whatever is wrong is shown, and what was live stays live. */
async function deploy(session: DevSession, change: Change | undefined, { out, cwd, args }: Invocation): Promise<void> {
  const startedMs = change?.noticedMs ?? performance.now();
  try {
    const answer = await session.update(change?.files);
    const warnings = change === undefined ? answer.warnings : [];
    for (const warning of warnings) out.warning(`${out.paintError('yellow', 'warning:')} ${printable(warning)}`);
    const what = change === undefined ? 'deployed' : `${printable(namesOf(change.files, cwd))} →`;
    const took = out.paintError('dim', `${Math.round(performance.now() - startedMs)} ms`);
    out.progress(`${out.paintError('green', '✓')} ${what} ${liveNow(answer, out)} ${took}`);
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
