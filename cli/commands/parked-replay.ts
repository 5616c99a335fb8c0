import type { ReplayParkedAnswer, ReplayParkedRequest } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { fields } from '../output.ts';
import { qualifiedName } from '../unit-name.ts';
import { UsageError } from '../usage-error.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const request = wanted(args.all('key'), args.on('all'));
  const client = await connect(invocation);
  const path = pathTo('replayParked', { context: target.context, function: target.name });
  const answer = await client.send<ReplayParkedAnswer>('POST', path, request);
  await out.result(answer, () =>
    fields([
      ['Asked', String(answer.asked.length)],
      ['Missing', answer.missing.length === 0 ? undefined : answer.missing.join(', ')],
    ]),
  );
  return answer.missing.length === 0 ? 0 : 1;
}

function wanted(keys: readonly string[], all: boolean): ReplayParkedRequest {
  if (all === keys.length > 0) throw new UsageError('name keys, or take --all', 'faas parked list <function> shows them.');
  return all ? { all: true } : { keys: [...keys] };
}
