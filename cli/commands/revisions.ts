import type { FunctionDetailAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { duration, table } from '../output.ts';
import { revisionMark } from '../revision-mark.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const client = await connect(invocation);
  const answer = await client.get<FunctionDetailAnswer>(pathTo('function', { context: target.context, function: target.name }));
  const nowMs = Date.now();
  const { revisions } = answer;
  await out.result({ revisions }, () =>
    table(
      ['REVISION', 'BUNDLE', 'CREATED', 'LIVE'],
      revisions
        .toReversed()
        .map(one => [one.id, one.bundleHash.slice(0, 12), `${duration(nowMs - one.createdAtMs)} ago`, revisionMark(one, answer)]),
    ),
  );
  return 0;
}
