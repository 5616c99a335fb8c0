import type { DropAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { chosenLetters } from '../letter-choice.ts';
import { fields } from '../output.ts';
import { qualifiedName } from '../unit-name.ts';
import { UsageError } from '../usage-error.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const request = chosenLetters(args);
  if (!args.on('yes')) throw new UsageError('dropped dead letters are never handled', 'Add --yes if that is what you want.');
  const client = await connect(invocation);
  const path = pathTo('drop', { context: target.context, function: target.name });
  const answer = await client.send<DropAnswer>('POST', path, request, dropTimeoutMs);
  await out.result(answer, () =>
    fields([
      ['Dropped', String(answer.dropped.length)],
      ['Known', answer.known.length === 0 ? undefined : `${answer.known.length}, replayed or dropped before`],
      ['Missing', answer.missing.length === 0 ? undefined : answer.missing.join(', ')],
    ]),
  );
  return answer.missing.length === 0 ? 0 : 1;
}

/** All dead letters of a function are read before the server answers. */
const dropTimeoutMs = 120_000;
