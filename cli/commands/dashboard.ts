import { spawn } from 'node:child_process';
import type { LoginLinkAnswer } from '../../controller/api/live-schema.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';

/** Prints a link that signs one browser in, once; on a person's terminal it is opened as well. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, out, env } = invocation;
  const client = await connect(invocation);
  const answer = await client.send<LoginLinkAnswer>('POST', pathTo('loginLinks', {}), {});
  const url = `${client.adminUrl}${answer.path}`;
  await out.result({ url, expiresAtMs: answer.expiresAtMs }, () => url);
  out.progress('The link signs one browser in, once, within two minutes.');
  if (!args.on('no-open') && out.clearable && out.format === 'table') openBrowser(url, env);
  return 0;
}

/** As well as it can be done: the link is on the screen, whatever becomes of this. */
function openBrowser(url: string, env: Invocation['env']): void {
  const [program = '', ...before] = openerOf(env);
  const child = spawn(program, [...before, url], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}

function openerOf({ BROWSER }: Invocation['env']): readonly string[] {
  if (BROWSER !== undefined && BROWSER !== '') return [BROWSER];
  if (process.platform === 'darwin') return ['open'];
  return process.platform === 'win32' ? ['rundll32', 'url.dll,FileProtocolHandler'] : ['xdg-open'];
}
