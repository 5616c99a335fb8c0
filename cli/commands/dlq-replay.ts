import type { ReplayAnswer, ReplayRequest } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { fields } from '../output.ts';
import { qualifiedName } from '../unit-name.ts';
import { UsageError } from '../usage-error.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const request = wanted(args.all('id'), args.on('all'));
  const client = await connect(invocation);
  const path = pathTo('replay', { context: target.context, function: target.name });
  const answer = await client.send<ReplayAnswer>('POST', path, request, replayTimeoutMs);
  await out.result(answer, () =>
    fields([
      ['Replayed', String(answer.replayed.length)],
      ['Known', answer.known.length === 0 ? undefined : `${answer.known.length}, handled by an earlier replay`],
      ['Missing', answer.missing.length === 0 ? undefined : answer.missing.join(', ')],
    ]),
  );
  return answer.missing.length === 0 ? 0 : 1;
}

/** All dead letters of a function are read and appended before the server answers. */
const replayTimeoutMs = 120_000;

function wanted(ids: readonly string[], all: boolean): ReplayRequest {
  if (all === ids.length > 0) throw new UsageError('name dead letters, or take --all', 'faas dlq list <function> shows them.');
  return all ? { all: true } : { ids: [...ids] };
}
