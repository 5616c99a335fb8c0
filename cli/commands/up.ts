import { aborted } from '../aborted.ts';
import type { Invocation } from '../command.ts';
import { fields } from '../output.ts';
import { startServer } from '../server.ts';
import { resolveSettings } from '../setting-flags.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { out, signal } = invocation;
  const loaded = await resolveSettings(invocation, true);
  const server = await startServer(loaded);
  out.progress(
    fields([
      ['admin', server.adminUrl],
      ['gateway', server.gatewayUrl],
      ['data', loaded.settings.data],
    ]),
  );
  await aborted(signal);
  out.progress('stopping; Ctrl-C again ends it at once, and loses nothing');
  await server.stop();
  return 0;
}
