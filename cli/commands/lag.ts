import type { LagAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { ScaleAnswer, ScaleSummary, ScalesAnswer } from '../../controller/api/scale-schema.ts';
import { perSecond } from '../../controller/scale/figure-text.ts';
import type { ApiClient } from '../api-client.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { figure, stateOf } from '../figure.ts';
import { duration, number, printable, table } from '../output.ts';
import { repeat } from '../repeat.ts';
import { requireFunction } from '../require-function.ts';
import { qualifiedName } from '../unit-name.ts';

type Lag = LagAnswer['functions'][number] & { readonly scale?: ScaleSummary };
type PartitionLoad = NonNullable<ScaleAnswer['partitions']>[number];

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const word = args.argument('function');
  const target = word === undefined ? undefined : await qualifiedName(word, invocation);
  const context = args.text('context');
  const client = await connect(invocation);
  return repeat(invocation, async () => {
    const all = await readLag(client);
    const functions = all.filter(one =>
      target === undefined ? context === undefined || one.unit.startsWith(`${context}.`) : one.unit === target.full,
    );
    const [only] = functions;
    if (target !== undefined && only === undefined) await requireFunction(client, target);
    if (target === undefined || only === undefined) return out.result({ functions }, () => byFunction(functions));
    const loads = only.scale === undefined ? [] : await loadsOf(client, { context: target.context, function: target.name });
    return out.result({ functions, partitions: loads }, () => `${byFunction(functions)}\n\n${byPartition(only, loads)}`);
  });
}

/** What waits is known of every function; the rest is what the scaling of this server sees. */
async function readLag(client: ApiClient): Promise<readonly Lag[]> {
  const [lag, scales] = await Promise.all([client.get<LagAnswer>(pathTo('lag', {})), client.get<ScalesAnswer>(pathTo('scales', {}))]);
  const seen = new Map(scales.functions.map(one => [one.unit, one]));
  return lag.functions.map(one => {
    const scale = seen.get(one.unit);
    return scale === undefined ? one : { ...one, scale };
  });
}

async function loadsOf(
  client: ApiClient,
  name: { readonly context: string; readonly function: string },
): Promise<readonly PartitionLoad[]> {
  return (await client.get<ScaleAnswer>(pathTo('scale', name))).partitions ?? [];
}

function byFunction(functions: readonly Lag[]): string {
  if (functions.length === 0) return 'no functions are deployed';
  const rows = table(
    ['FUNCTION', 'BACKLOG', 'IN FLIGHT', 'AGE', 'MAX AGE', 'ARRIVALS', 'FINISHED', 'DRAINED IN', 'PODS', 'FIGURES'],
    functions.map(one => (one.scale === undefined ? unseen(one) : seen(one.unit, one.scale))),
  );
  const conditions = functions.flatMap(({ unit, scale }) =>
    (scale?.conditions ?? []).map(one => printable(`${unit}: ${one.type}, ${one.message}. ${one.advice}`)),
  );
  return [rows, ...(conditions.length === 0 ? [] : ['', ...conditions])].join('\n');
}

function seen(unit: string, scale: ScaleSummary): readonly string[] {
  const { backlogEvents, oldestAgeMs, arrivalRate, finishedRate, inFlight, maxAgeMs, drainMs, pods, replicas } = scale;
  return [
    unit,
    figure(backlogEvents, number),
    String(inFlight),
    figure(oldestAgeMs, duration),
    duration(maxAgeMs),
    figure(arrivalRate, perSecond),
    figure(finishedRate, perSecond),
    drainMs === undefined ? (backlogEvents.state === 'unknown' ? '?' : 'never') : duration(drainMs),
    `${pods.ready}/${replicas}`,
    stateOf([backlogEvents, oldestAgeMs, arrivalRate, finishedRate]),
  ];
}

function unseen({ unit, backlogEvents, oldestAgeMs, inFlight }: Lag): readonly string[] {
  const age = oldestAgeMs === undefined ? '?' : duration(oldestAgeMs);
  return [unit, known(backlogEvents), known(inFlight), age, '?', '?', '?', '?', '?', 'not scaled here'];
}

function byPartition({ partitions }: Lag, loads: readonly PartitionLoad[]): string {
  const read = partitions.filter(one => one.endOffset > 0);
  if (read.length === 0) return 'there was nothing to read yet';
  const load = new Map(loads.map(one => [one.name, one]));
  return table(
    ['TOPIC', 'PARTITION', 'START', 'DONE', 'END', 'BACKLOG', 'AGE', 'ARRIVALS'],
    read.map(one => {
      const { oldestAgeMs, arrivalRate } = load.get(`${one.topic}.${one.partition}`) ?? {};
      return [
        one.topic,
        String(one.partition),
        String(one.startOffset),
        known(one.frontier),
        String(one.endOffset),
        String(one.backlogEvents),
        oldestAgeMs === undefined ? '?' : duration(oldestAgeMs),
        arrivalRate === undefined ? '?' : perSecond(arrivalRate),
      ];
    }),
  );
}

/** Not known is not zero. */
function known(count: number | undefined): string {
  return count === undefined ? '?' : String(count);
}
