import type { LagAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { duration, table } from '../output.ts';
import { repeat } from '../repeat.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const word = args.argument('function');
  const target = word === undefined ? undefined : await qualifiedName(word, invocation);
  const context = args.text('context');
  const client = await connect(invocation);
  return repeat(invocation, async () => {
    const answer = await client.get<LagAnswer>(pathTo('lag', {}));
    const functions = answer.functions.filter(one =>
      target === undefined ? context === undefined || one.unit.startsWith(`${context}.`) : one.unit === target.full,
    );
    await out.result({ functions }, () => (target === undefined ? byFunction(functions) : byPartition(functions)));
  });
}

function byFunction(functions: LagAnswer['functions']): string {
  if (functions.length === 0) return 'no functions are deployed';
  return table(
    ['FUNCTION', 'BACKLOG', 'OLDEST', 'WAITING', 'IN FLIGHT'],
    functions.map(one => [
      one.unit,
      known(one.backlogEvents),
      one.oldestAgeMs === undefined ? '-' : duration(one.oldestAgeMs),
      known(one.waiting),
      known(one.inFlight),
    ]),
  );
}

function byPartition(functions: LagAnswer['functions']): string {
  const partitions = functions.flatMap(one => one.partitions).filter(one => one.endOffset > 0);
  if (partitions.length === 0) return 'there was nothing to read yet';
  return table(
    ['TOPIC', 'PARTITION', 'START', 'DONE', 'END', 'BACKLOG'],
    partitions.map(one => [
      one.topic,
      String(one.partition),
      String(one.startOffset),
      known(one.frontier),
      String(one.endOffset),
      String(one.backlogEvents),
    ]),
  );
}

/** Not known is not zero. */
function known(count: number | undefined): string {
  return count === undefined ? '?' : String(count);
}
