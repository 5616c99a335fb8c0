import { aborted } from '../aborted.ts';
import type { Invocation } from '../command.ts';
import { startServer } from '../server.ts';
import { resolveSettings } from '../setting-flags.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { out, signal } = invocation;
  const loaded = await resolveSettings(invocation, true);
  const { settings } = loaded;
  const logs = { level: settings['log.level'], format: settings['log.format'] };
  const server = await startServer(loaded, logs, invocation.onHolding);
  // Elsewhere the log says so, in its own form.
  if (out.interactive)
    out.progress(`admin ${server.adminUrl}, gateway ${server.gatewayUrl ?? 'none'}, data ${settings.data}; Ctrl-C stops`);
  const failure = await Promise.race([aborted(signal), server.failure]);
  if (failure !== undefined) throw failure;
  if (out.interactive) out.progress('stopping; Ctrl-C again ends it at once, and loses nothing');
  await server.stop();
  return 0;
}
