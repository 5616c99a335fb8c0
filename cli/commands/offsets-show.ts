import type { OffsetsAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { table } from '../output.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const client = await connect(invocation);
  const answer = await client.get<OffsetsAnswer>(pathTo('offsets', { context: target.context, function: target.name }));
  await out.result(answer, () => [...rows(answer), ...gone(answer)].join('\n') || `${target.full} reads no streams`);
  return 0;
}

function rows({ partitions }: OffsetsAnswer): readonly string[] {
  if (partitions.length === 0) return [];
  const cells = partitions.map(one => [one.topic, ...[one.partition, one.startOffset, one.current, one.endOffset].map(String)]);
  return [table(['TOPIC', 'PARTITION', 'START', 'NEXT', 'END'], cells)];
}

function gone({ goneTopics }: OffsetsAnswer): readonly string[] {
  return goneTopics.map(topic => `the topic ${topic}, which it reads, is gone`);
}
