import type { ReplayAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { chosenLetters } from '../letter-choice.ts';
import { fields } from '../output.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const request = chosenLetters(args);
  const client = await connect(invocation);
  const path = pathTo('replay', { context: target.context, function: target.name });
  const answer = await client.send<ReplayAnswer>('POST', path, request, replayTimeoutMs);
  await out.result(answer, () =>
    fields([
      ['Replayed', String(answer.replayed.length)],
      ['Known', answer.known.length === 0 ? undefined : `${answer.known.length}, handled by an earlier replay or dropped`],
      ['Missing', answer.missing.length === 0 ? undefined : answer.missing.join(', ')],
    ]),
  );
  return answer.missing.length === 0 ? 0 : 1;
}

/** All dead letters of a function are read and appended before the server answers. */
const replayTimeoutMs = 120_000;
