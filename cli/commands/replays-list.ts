import type { ReplaysAnswer } from '../../controller/api/contract.ts';
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
  return repeat(invocation, async () => {
    const answer = await client.get<ReplaysAnswer>(pathTo('replays', { context: target.context, function: target.name }));
    const nowMs = Date.now();
    await out.result(answer, () =>
      answer.replays.length === 0
        ? `nothing of ${target.full} was replayed`
        : table(
            ['REPLAY', 'STATE', 'STARTED', 'PASSED', 'OF', 'EVENTS'],
            answer.replays.map(one => [
              one.id,
              one.state,
              `${duration(nowMs - one.startedAtMs)} ago`,
              ...[one.passed, one.total, one.events].map(String),
            ]),
          ),
    );
  });
}
