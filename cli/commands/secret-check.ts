import { pathTo } from '../../controller/api/paths.ts';
import type { SecretsAnswer } from '../../controller/api/server-schema.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { CommandFailure } from '../failure.ts';
import { secretTable } from './secret-list.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const answer = await (await connect(invocation)).get<SecretsAnswer>(pathTo('secrets', {}));
  const names = args.all('name');
  const unknown = names.filter(name => !answer.secrets.some(one => one.name === name));
  if (unknown.length > 0)
    throw new CommandFailure('FAAS_SECRET_UNKNOWN', `no function names the secret ${unknown.join(', ')}`, {
      hint: 'faas secret list shows those in use.',
    });
  const secrets = answer.secrets.filter(one => names.length === 0 || names.includes(one.name));
  await out.result({ secrets }, () => (secrets.length === 0 ? 'no function names a secret' : secretTable(secrets)));
  const missing = secrets.filter(one => one.source === undefined);
  if (missing.length === 0) return 0;
  throw new CommandFailure('FAAS_SECRET_MISSING', `the server has no value for ${missing.map(one => one.name).join(', ')}`, {
    hint: `Set ${missing.map(one => one.env).join(', ')} where the server runs, or put a file of that name into its secrets.dir.`,
  });
}
