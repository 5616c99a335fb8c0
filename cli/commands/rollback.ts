import type { DeployAnswer, RollbackRequest } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { printable, table } from '../output.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const revision = args.argument('revision');
  const client = await connect(invocation);
  const request: RollbackRequest = revision === undefined ? {} : { revision };
  const answer = await client.send<DeployAnswer>(
    'POST',
    pathTo('rollback', { context: target.context, function: target.name }),
    request,
    startTimeoutMs,
  );
  for (const warning of answer.warnings) out.warning(`${out.paintError('yellow', 'warning:')} ${printable(warning)}`);
  await out.result(answer, () =>
    table(
      ['FUNCTION', 'REVISION', 'CHANGE'],
      answer.functions.map(one => [one.unit, one.revision, one.change]),
    ),
  );
  return 0;
}

/** The earlier revision is started on a pod before it gets the traffic. */
const startTimeoutMs = 120_000;
