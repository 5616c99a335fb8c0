import type { AcceptRollbackAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const client = await connect(invocation);
  const path = pathTo('acceptRollback', { context: target.context, function: target.name });
  const answer = await client.send<AcceptRollbackAnswer>('POST', path, {});
  await out.result(answer, () => `${target.context}.${target.name} goes on with the state that is there`);
  return 0;
}
