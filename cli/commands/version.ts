import { readFile } from 'node:fs/promises';
import { pathTo } from '../../controller/api/paths.ts';
import type { VersionAnswer } from '../../controller/api/server-schema.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { CommandFailure } from '../failure.ts';
import { fields } from '../output.ts';
import { packageFile } from '../package-file.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { out } = invocation;
  const { version } = JSON.parse(await readFile(packageFile('package.json'), 'utf8'));
  const server = await serverVersion(invocation);
  await out.result({ client: { version, node: process.versions.node }, ...(server === undefined ? {} : { server }) }, () =>
    fields([
      ['faas', String(version)],
      ['node', process.versions.node],
      [
        'server',
        server === undefined ? 'none running' : `${server.version} (node ${server.node}, streams ${server.streams}, state ${server.state})`,
      ],
    ]),
  );
  return 0;
}

/** The version of the command is worth printing without a server, too. */
async function serverVersion(invocation: Invocation): Promise<VersionAnswer | undefined> {
  try {
    return await (await connect(invocation)).get<VersionAnswer>(pathTo('version', {}));
  } catch (cause) {
    if (!(cause instanceof CommandFailure)) throw cause;
    invocation.out.detail(cause.message);
    return undefined;
  }
}
