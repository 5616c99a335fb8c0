import type { FunctionDetailAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { ScaleOverrideAnswer, ScaleOverrideRequest } from '../../controller/api/scale-schema.ts';
import type { Arguments } from '../arguments.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { duration, podsText } from '../output.ts';
import { qualifiedName } from '../unit-name.ts';
import { UsageError } from '../usage-error.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const given = givenBounds(args);
  const name = { context: target.context, function: target.name };
  const client = await connect(invocation);
  const { scale } = (await client.get<FunctionDetailAnswer>(pathTo('function', name))).spec;
  const forMs = args.duration('for') ?? 0;
  const request: ScaleOverrideRequest = {
    min: given.min ?? Math.min(scale.min, given.max ?? scale.min),
    max: given.max ?? scale.max,
    forMs,
  };
  const answer = await client.send<ScaleOverrideAnswer>('PUT', pathTo('scaleOverride', name), request);
  await out.result(
    answer,
    () =>
      `${target.full} gets ${answer.min} to ${podsText(answer.max)} for ${duration(forMs)}, until ${new Date(answer.untilMs).toISOString()}; then ${scale.min} to ${scale.max} as its manifest says`,
  );
  return 0;
}

interface Bounds {
  readonly min: number | undefined;
  readonly max: number | undefined;
}

function givenBounds(args: Arguments): Bounds {
  const [replicas, min, max] = [args.number('replicas'), args.number('min'), args.number('max')];
  if (replicas !== undefined && (min !== undefined || max !== undefined)) {
    throw new UsageError('--replicas is both bounds at once', 'Leave --min and --max out, or --replicas.');
  }
  const bounds = { min: replicas ?? min, max: replicas ?? max };
  if (bounds.min === undefined && bounds.max === undefined) {
    throw new UsageError('no bounds are given', 'Add --min, --max or --replicas. The manifest’s come back with: faas scale clear');
  }
  if (bounds.min !== undefined && bounds.max !== undefined && bounds.min > bounds.max) {
    throw new UsageError(`--min ${bounds.min} is above --max ${bounds.max}`, 'Raise --max, or lower --min.');
  }
  return bounds;
}
