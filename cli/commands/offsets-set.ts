import type { MoveOffsetsAnswer, MoveOffsetsRequest } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { duration, fields, table } from '../output.ts';
import { parsePlace } from '../place.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const [stream, partition] = [args.text('stream'), args.number('partition')];
  const request: MoveOffsetsRequest = {
    to: parsePlace(args.required('to'), Date.now()),
    allowRewind: args.on('allow-rewind'),
    ...(stream !== undefined && { stream }),
    ...(partition !== undefined && { partition }),
  };
  const client = await connect(invocation);
  const path = pathTo('offsets', { context: target.context, function: target.name });
  const answer = await client.send<MoveOffsetsAnswer>('POST', path, request, holdTimeoutMs);
  if (answer.clamped > 0) out.warning(`warning: ${clampedText(request.to, answer)}`);
  await out.result(answer, () => {
    const rows = answer.partitions.map(one => [one.topic, String(one.partition), String(one.current), String(one.target)]);
    return `${table(['TOPIC', 'PARTITION', 'WAS', 'NEXT'], rows)}\n\n${effect(answer)}`;
  });
  return 0;
}

/** The function finishes what it has in flight, on every server, before it is moved. */
const holdTimeoutMs = 120_000;

function clampedText(to: MoveOffsetsRequest['to'], { clamped, partitions }: MoveOffsetsAnswer): string {
  if (typeof to !== 'string' && 'timeMs' in to) return 'that time is to come: the end of each log was taken';
  return `the log has no such offset in ${clamped} of ${partitions.length} partitions: its nearest end was taken`;
}

function effect({ again, skipped, backMs }: MoveOffsetsAnswer): string {
  const since = backMs === undefined ? '' : `, from ${duration(backMs)} ago on`;
  return fields([
    ['Again', again === 0 ? undefined : `${again} events${since}; state stays as it is, and what was counted is counted again`],
    ['Skipped', skipped === 0 ? undefined : `${skipped} events are never handled`],
    ['Moved', again + skipped === 0 ? 'nothing' : undefined],
  ]);
}
