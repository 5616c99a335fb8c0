import { pathTo } from '../../controller/api/paths.ts';
import type { TuneAnswer } from '../../controller/api/tune-schema.ts';
import { perSecond, timeText } from '../../controller/scale/figure-text.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { duration, fields, number, printable, size, table } from '../output.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const sinceMs = Date.now() - (args.duration('last') ?? 0);
  const client = await connect(invocation);
  const answer = await client.get<TuneAnswer>(pathTo('tune', { context: target.context, function: target.name }, { sinceMs }));
  await out.result(answer, () => shown(answer));
  return 0;
}

function shown({ unit, measured, fromMs = 0, untilMs = 0, limits, suggestions }: TuneAnswer): string {
  if (measured.events === 0)
    return `${unit}: no event was measured in this time. Figures are written down each minute; ask for a longer time with --last.`;
  const { p50Ms = 0, p99Ms = 0, slowestMs, memoryBytes, batchEventsMean, largestBatch, podRate, startMs, arrivalRateMost } = measured;
  const pod =
    podRate === undefined ? 'was never full, so that nobody knows what it can do' : `finishes ${perSecond(podRate)} when it is full`;
  const start = startMs === undefined ? '' : `, works ${timeText(startMs)} after it is wished for`;
  const head = fields([
    ['Measured', `${measured.events} events in ${duration(untilMs - fromMs)}`],
    ['An event', `half within ${eventTime(p50Ms)}, 99 % within ${eventTime(p99Ms)}, the slowest ${eventTime(slowestMs)}`],
    ['A batch', batchEventsMean === undefined ? 'none' : `${number(batchEventsMean)} events, ${largestBatch} at most`],
    ['Memory', memoryBytes === undefined ? 'not measured' : `${size(memoryBytes)} at most, of ${size(limits.memoryBytes)}`],
    ['One pod', `${pod}, ${limits.concurrency} at once${start}`],
    ['Arrivals', arrivalRateMost === undefined ? 'not measured' : `${perSecond(arrivalRateMost)} for a minute at most`],
  ]);
  if (suggestions.length === 0) return `${head}\n\nNothing to change: the limits fit what was measured, or too little was.`;
  const rows = suggestions.map(({ key, now, suggested, unit: kind, because }) => [
    key,
    text(now, kind),
    text(suggested, kind),
    printable(because),
  ]);
  return `${head}\n\n${table(['KEY', 'NOW', 'SUGGESTED', 'BECAUSE'], rows)}`;
}

/** Most handlers take a few milliseconds. */
function eventTime(ms: number): string {
  return ms < 100 ? `${number(ms)}ms` : timeText(ms);
}

function text(value: number, kind: TuneAnswer['suggestions'][number]['unit']): string {
  if (kind === 'ms') return timeText(value);
  return kind === 'bytes' ? size(value) : number(value);
}
