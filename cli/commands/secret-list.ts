import { pathTo } from '../../controller/api/paths.ts';
import type { SecretsAnswer } from '../../controller/api/server-schema.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { table } from '../output.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { out } = invocation;
  const { secrets } = await (await connect(invocation)).get<SecretsAnswer>(pathTo('secrets', {}));
  await out.result({ secrets }, () => (secrets.length === 0 ? 'no function names a secret' : secretTable(secrets)));
  return 0;
}

export function secretTable(secrets: SecretsAnswer['secrets']): string {
  return table(
    ['SECRET', 'FOUND IN', 'VALUES', 'USED BY'],
    secrets.map(one => [one.name, one.source ?? 'missing', String(one.values), one.usedBy.join(', ')]),
  );
}
