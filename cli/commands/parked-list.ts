import type { ParkedAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { duration, table } from '../output.ts';
import { repeat } from '../repeat.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const client = await connect(invocation);
  const path = pathTo('parked', { context: target.context, function: target.name });
  return repeat(invocation, async () => {
    const answer = await client.get<ParkedAnswer>(path);
    await out.result(answer, () => (answer.keys.length === 0 ? 'no key is parked' : table(head, answer.keys.map(row))));
  });
}

const head = ['KEY', 'SOURCE', 'EVENTS', 'SINCE', 'REASON', 'ERROR', 'REPLAY'];

function row({ key, source, events, replay, head: first }: ParkedAnswer['keys'][number]): readonly string[] {
  const since = first === undefined ? '-' : duration(Date.now() - first.heldAtMs);
  const error = first === undefined ? '-' : `${first.error.name}: ${first.error.message.split('\n')[0] ?? ''}`.slice(0, 80);
  return [key, source, String(events), since, first?.reason ?? '-', error, replay ? 'asked' : ''];
}
