import type { Invocation } from '../command.ts';
import { table } from '../output.ts';
import { localName, readContexts } from '../server-contexts.ts';

export async function run({ out, env }: Invocation): Promise<number> {
  const { current = localName, contexts } = await readContexts(env);
  const rows = [
    { name: localName, server: 'of the data folder', token: 'of the data folder', current: current === localName },
    ...Object.entries(contexts).map(([name, { server, tokenFile }]) => ({
      name,
      server,
      token: tokenFile ?? 'saved',
      current: current === name,
    })),
  ];
  await out.result({ contexts: rows }, () =>
    table(
      ['', 'CONTEXT', 'SERVER', 'TOKEN'],
      rows.map(row => [row.current ? '*' : '', row.name, row.server, row.token]),
    ),
  );
  return 0;
}
