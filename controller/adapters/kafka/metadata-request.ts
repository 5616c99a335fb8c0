import type { Call } from 'kafkajs/src/network/connectionPool.js';
import request5 from 'kafkajs/src/protocol/requests/metadata/v5/request.js';
import response5, { type Metadata as Metadata5 } from 'kafkajs/src/protocol/requests/metadata/v5/response.js';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { readTopicId } from './topic-id.ts';
import { wireCall } from './wire-call.ts';

export type TopicMetadata = Metadata5['topicMetadata'][number] & { readonly topicId?: string | undefined };

export interface Metadata extends Omit<Metadata5, 'topicMetadata'> {
  readonly topicMetadata: readonly TopicMetadata[];
}

export const metadataKey = 3;
const metadata10 = { apiName: 'Metadata', apiKey: metadataKey, apiVersion: 10 };
/** Of the server's authority over what is asked; not asked for. */
const authorizedBytes = 4;

/** Metadata, version 10, the first that tells the ids of topics: Kafka 2.8. An older broker (`versionMax` below 10) is asked as it understands. No topics: all of them. */
export function metadataCall(topics: readonly string[], versionMax: number): Call<Metadata> {
  if (versionMax < metadata10.apiVersion) {
    const request = request5({ topics, allowAutoTopicCreation: false });
    return { request, response: { decode: response5.decode, parse: async decoded => decoded as Metadata } };
  }
  const body = new ByteWriter(64 + topics.length * 48);
  // The header of a flexible version ends with its tags, which kafkajs does not write.
  body.noTags().uvarint(topics.length === 0 ? 0 : topics.length + 1);
  for (const topic of topics) body.int64(0).int64(0).compactString(topic).noTags();
  // No creation of topics, and nothing about who may do what.
  body.int8(0).int8(0).int8(0).noTags();
  return wireCall(metadata10, body.result(), decodeMetadata);
}

function decodeMetadata(payload: Buffer): Metadata {
  const reader = new ByteReader(payload);
  reader.skipTags();
  // The time that it was held back.
  reader.at += 4;
  const brokers = list(reader, () => {
    const broker = { nodeId: reader.int32(), host: reader.compactString(), port: reader.int32() };
    // The rack.
    reader.compactString();
    return broker;
  });
  // The cluster's id.
  reader.compactString();
  const controllerId = reader.int32();
  const topicMetadata = list(reader, () => readTopic(reader));
  return { brokers, controllerId, topicMetadata };
}

function readTopic(reader: ByteReader): TopicMetadata {
  const topicErrorCode = reader.int16();
  const topic = reader.compactString();
  const topicId = readTopicId(reader);
  const isInternal = reader.int8() !== 0;
  const partitionMetadata = list(reader, () => {
    // Its error: one without a leader says so by that.
    reader.at += 2;
    const partitionId = reader.int32();
    const leader = reader.int32();
    // The leader's epoch.
    reader.at += 4;
    const [replicas, isr] = [numbers(reader), numbers(reader)];
    // Replicas that are offline.
    numbers(reader);
    return { partitionId, leader, replicas, isr };
  });
  reader.at += authorizedBytes;
  return { topicErrorCode, topic, topicId, isInternal, partitionMetadata };
}

/** Of structures, each of which ends with its tags. */
function list<One>(reader: ByteReader, read: () => One): One[] {
  return Array.from({ length: reader.compactLength() }, () => {
    const one = read();
    reader.skipTags();
    return one;
  });
}

function numbers(reader: ByteReader): number[] {
  return Array.from({ length: reader.compactLength() }, () => reader.int32());
}
