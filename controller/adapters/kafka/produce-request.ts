import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { wireCall } from './wire-call.ts';

export interface ProducePart {
  readonly topic: string;
  readonly partition: number;
  readonly batch: Buffer;
}

export interface ProducedPart {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly baseOffset: number;
}

const produce7 = { apiName: 'Produce', apiKey: 0, apiVersion: 7 };
const allInSync = -1;

/** Produce, version 7; acknowledged by all replicas that are in sync. */
export function produceCall(parts: readonly ProducePart[], timeoutMs: number) {
  const body = new ByteWriter(parts.reduce((sum, { topic, batch }) => sum + batch.length + topic.length * 3 + 32, 32));
  // A topic that came twice would be taken once.
  const topics = new Map<string, ProducePart[]>();
  for (const part of parts) topics.set(part.topic, [...(topics.get(part.topic) ?? []), part]);
  body.string(null).int16(allInSync).int32(timeoutMs).int32(topics.size);
  for (const [topic, own] of topics) {
    body.string(topic).int32(own.length);
    for (const { partition, batch } of own) body.int32(partition).int32(batch.length).bytes(batch);
  }
  return wireCall(produce7, body.result(), decodeProduce);
}

function decodeProduce(payload: Buffer): ProducedPart[] {
  const reader = new ByteReader(payload);
  const parts: ProducedPart[] = [];
  for (let topics = reader.int32(); topics > 0; topics -= 1) {
    const topic = reader.string();
    for (let partitions = reader.int32(); partitions > 0; partitions -= 1) {
      const partition = reader.int32();
      const errorCode = reader.int16();
      const baseOffset = reader.int64();
      reader.at += 16;
      parts.push({ topic, partition, errorCode, baseOffset });
    }
  }
  return parts;
}
