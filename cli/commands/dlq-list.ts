import type { DeadLettersAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { duration, table } from '../output.ts';
import { readPages } from '../pages.ts';
import { repeat } from '../repeat.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const where = args.text('where');
  const client = await connect(invocation);
  return repeat(invocation, async () => {
    let total = 0;
    const { entries, more } = await readPages(args.number('limit') ?? 0, async (after, limit) => {
      const answer = await client.get<DeadLettersAnswer>(
        pathTo('deadLetters', { context: target.context, function: target.name }, { after, limit, where }),
      );
      total = answer.total;
      return { entries: answer.deadLetters, next: answer.next };
    });
    await out.result({ deadLetters: entries, total }, () =>
      entries.length === 0
        ? 'no dead letters'
        : table(
            ['ID', 'AGE', 'KEY', 'REASON', 'ATTEMPTS', 'ERROR', 'STATE'],
            entries.map(one => [
              one.id,
              duration(Date.now() - one.atMs),
              one.key ?? '-',
              one.reason,
              String(one.attempts),
              firstLine(one.error.message),
              one.dropped ? 'dropped' : one.replayed ? 'replayed' : '',
            ]),
          ),
    );
    if (more) out.progress(`${total} in all: --limit 0 shows them`);
  });
}

function firstLine(text: string): string {
  const line = text.split('\n')[0] ?? '';
  return line.length <= 80 ? line : `${line.slice(0, 80)}…`;
}
