import type { StateAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { table } from '../output.ts';
import { readPages } from '../pages.ts';
import { qualifiedName } from '../unit-name.ts';

/** Values are cut in the table; `-o json` has them whole. */
const shownMax = 100;

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const client = await connect(invocation);
  const { entries, more } = await readPages(args.number('limit') ?? 0, async (after, limit) => {
    const query = { prefix: args.text('prefix'), after, limit };
    const answer = await client.get<StateAnswer>(pathTo('state', { context: target.context, function: target.name }, query));
    return { entries: answer.entries, next: answer.next };
  });
  await out.result({ entries }, () =>
    entries.length === 0
      ? 'no state'
      : table(
          ['KEY', 'VALUE'],
          entries.map(entry => [entry.key, shorten(JSON.stringify(entry.value))]),
        ),
  );
  if (more) out.progress(`there are more: --limit 0 shows all`);
  return 0;
}

function shorten(text: string): string {
  return text.length <= shownMax ? text : `${text.slice(0, shownMax)}…`;
}
