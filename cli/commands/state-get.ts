import type { StateEntryAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { toJson } from '../output.ts';
import { qualifiedName } from '../unit-name.ts';

/** The value alone, so that it can go into `jq`; key and version as well with `-o json` would break that. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const client = await connect(invocation);
  const path = pathTo('stateEntry', { context: target.context, function: target.name }, { key: args.required('key') });
  const entry = await client.get<StateEntryAnswer>(path);
  out.detail(`version ${entry.version}`);
  await out.result(entry.value, () => toJson(entry.value));
  return 0;
}
