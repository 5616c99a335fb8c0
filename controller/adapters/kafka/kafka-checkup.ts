import type { Checkup } from '../../ports/checkup.ts';
import type { Metadata } from './metadata-request.ts';

type Named = Metadata['topicMetadata'][number];
type Partition = Named['partitionMetadata'][number];

const part = 'kafka';
const slowMs = 500;
const namesShown = 5;

/** What the answer of a cluster about all its topics says of the health of `topics`. `tookMs`: what the answer took. */
export function kafkaCheckups(metadata: Metadata, topics: ReadonlySet<string>, tookMs: number): readonly Checkup[] {
  const ours = metadata.topicMetadata.filter(({ topic }) => topics.has(topic));
  const there = new Set(ours.map(({ topic }) => topic));
  const { length: brokers } = metadata.brokers;
  const said = `${brokers} ${brokers === 1 ? 'broker' : 'brokers'}, ${there.size} topics of functions; answered in ${Math.round(tookMs)} ms`;
  const some = (test: (one: Partition) => boolean) => ours.filter(one => one.partitionMetadata.some(test)).map(({ topic }) => topic);
  return [
    tookMs > slowMs
      ? {
          part,
          status: 'warning',
          said,
          hint: 'Each commit of an offset waits for answers like this one: look at the network and the brokers.',
        }
      : { part, status: 'ok', said },
    ...about(
      'failed',
      'have partitions without a leader',
      some(one => one.leader < 0),
      'Bring back a broker that holds a replica.',
    ),
    ...about(
      'warning',
      'have fewer replicas in sync than they should',
      some(one => one.leader >= 0 && one.isr.length < one.replicas.length),
      'See which broker is away or behind.',
    ),
    ...(brokers > 1
      ? about(
          'warning',
          'have one replica: what its broker loses is lost',
          some(one => one.replicas.length === 1),
          'Add replicas with kafka-reassign-partitions; kafka.replication is for topics that are made from now on.',
        )
      : []),
    ...about(
      'failed',
      'are not there',
      [...topics].filter(topic => !there.has(topic)),
      'Create them, or deploy the context that owns them.',
    ),
  ];
}

function about(status: 'warning' | 'failed', what: string, topics: readonly string[], hint: string): readonly Checkup[] {
  if (topics.length === 0) return [];
  const more = topics.length > namesShown ? ` and ${topics.length - namesShown} more` : '';
  return [{ part, status, said: `${topics.slice(0, namesShown).join(', ')}${more} ${what}`, hint }];
}
