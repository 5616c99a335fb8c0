import type { TopicPartition } from '../../ports/streams.ts';
import type { Candidate } from './assign-partitions.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

/**
 * What members and their leader tell each other through the coordinator, in the form of Kafka's consumers (so that its tools can show it); what a member
 * owns stands in its user data, as JSON: `{ generation, owned: { topic: [partition] } }`.
 */
export const protocolName = 'faas-cooperative';

export function encodeSubscription({ topics, owned, generation }: Omit<Candidate, 'memberId'>): Buffer {
  const userData = Buffer.from(JSON.stringify({ generation, owned: Object.fromEntries(byTopic(owned)) }));
  const writer = new ByteWriter(256).int16(0).int32(topics.length);
  for (const topic of topics) writer.string(topic);
  return writer.int32(userData.length).bytes(userData).result();
}

export function decodeSubscription(memberId: string, bytes: Buffer): Candidate {
  const reader = new ByteReader(bytes, 2);
  const topics = Array.from({ length: reader.int32() }, () => reader.string());
  const said: { generation: number; owned: Record<string, number[]> } = JSON.parse(reader.slice(reader.int32()).toString());
  const owned = Object.entries(said.owned).flatMap(([topic, partitions]) => partitions.map(partition => ({ topic, partition })));
  return { memberId, topics, owned, generation: said.generation };
}

export function encodeAssignment(assigned: readonly TopicPartition[]): Buffer {
  const topics = byTopic(assigned);
  const writer = new ByteWriter(256).int16(0).int32(topics.size);
  for (const [topic, partitions] of topics) {
    writer.string(topic).int32(partitions.length);
    for (const partition of partitions) writer.int32(partition);
  }
  return writer.int32(-1).result();
}

/** Without bytes the member has nothing. */
export function decodeAssignment(bytes: Buffer): readonly TopicPartition[] {
  if (bytes.length === 0) return [];
  const reader = new ByteReader(bytes, 2);
  const assigned: TopicPartition[] = [];
  for (let topics = reader.int32(); topics > 0; topics -= 1) {
    const topic = reader.string();
    for (let partitions = reader.int32(); partitions > 0; partitions -= 1) assigned.push({ topic, partition: reader.int32() });
  }
  return assigned;
}

function byTopic(places: readonly TopicPartition[]): ReadonlyMap<string, number[]> {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of places) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  return topics;
}
