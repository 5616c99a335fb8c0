import type { ReplayProgress } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const client = await connect(invocation);
  const path = pathTo('replayOf', { context: target.context, function: target.name, id: args.required('id') });
  const answer = await client.send<ReplayProgress>('DELETE', path);
  await out.result(answer, () => `replay ${answer.id} is ${answer.state}, after ${answer.passed} of ${answer.total} offsets`);
  return 0;
}
