import type { InvokeAnswer, InvokeRequest } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import { ApiRefusal } from '../api-client.ts';
import { callFailure } from '../call-failure.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { toJson } from '../output.ts';
import { readPayload } from '../payload.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const data = await readPayload(args.argument('data'), invocation);
  const client = await connect(invocation);
  const timeoutMs = args.duration('timeout') ?? 30_000;
  const idempotencyKey = args.text('idempotency-key');
  const request: InvokeRequest = {
    key: args.text('key') ?? null,
    data,
    timeoutMs,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
  const path = pathTo('invoke', { context: target.context, function: target.name });
  // The server answers at the deadline; the connection waits a little longer, so that its reason arrives.
  const answer = await client.send<InvokeAnswer>('POST', path, request, timeoutMs + 5_000).catch(async (cause: unknown) => {
    if (!(cause instanceof ApiRefusal)) throw cause;
    // As a program reads it: with its members, of which the words on stderr are a choice.
    if (out.format !== 'table') await out.result(cause.problem, () => '');
    throw callFailure(cause);
  });
  out.detail(`answered in ${answer.tookMs.toFixed(1)} ms${answer.repeated ? ', with the stored answer of an earlier call' : ''}`);
  if (answer.answer === undefined && out.format === 'table') out.progress('the function returned nothing');
  else await out.result(answer.answer ?? null, () => toJson(answer.answer));
  return 0;
}
