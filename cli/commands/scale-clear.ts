import { pathTo } from '../../controller/api/paths.ts';
import type { ScaleOverrideAnswer } from '../../controller/api/scale-schema.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { podsText } from '../output.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const client = await connect(invocation);
  const path = pathTo('scaleOverride', { context: target.context, function: target.name });
  const answer = await client.send<ScaleOverrideAnswer>('DELETE', path);
  await out.result(answer, () => `${target.full} gets ${answer.min} to ${podsText(answer.max)}, as its manifest says`);
  return 0;
}
