import errors from 'kafkajs/src/protocol/error.js';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { giveFrame } from './frame-buffers.ts';
import { type AbortedTransaction, type Decoded, decodeBatches } from './record-batch.ts';
import { readTopicId, writeTopicId } from './topic-id.ts';
import { FetchedRecords } from './waiting-records.ts';
import { wireCall } from './wire-call.ts';

export interface FetchPart {
  readonly topic: string;
  /** undefined: whichever has this name. */
  readonly topicId: string | undefined;
  readonly partition: number;
  readonly offset: number;
  readonly bytes: number;
}

export interface FetchedPart extends Decoded {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  /** There was the beginning of a batch that did not fit. */
  readonly cutOff: boolean;
}

/** Of one answer. */
export interface FetchBounds {
  readonly waitMs: number;
  readonly bytesMax: number;
}

export const fetchKey = 1;
const fetch11 = { apiName: 'Fetch', apiKey: fetchKey, apiVersion: 11 };
/** The first that asks for topics by their ids: one that was made again is not taken for the one before. Kafka 3.1. */
const fetch13 = { apiName: 'Fetch', apiKey: fetchKey, apiVersion: 13 };
const readCommitted = 1;
const noneAborted: readonly AbortedTransaction[] = [];

/**
 * Fetch, version 13 where all ids are known and the broker understands it (`versionMax`), else 11: parts in their order, of which the first that has anything is answered with
 * at least one batch. Parts that have nothing are left out of the answer: there are thousands each second.
 */
export function fetchCall(parts: readonly FetchPart[], { waitMs, bytesMax }: FetchBounds, versionMax: number) {
  const byId = versionMax >= fetch13.apiVersion && parts.every(({ topicId }) => topicId !== undefined);
  const body = new ByteWriter(64 + parts.length * 64);
  // The header of a flexible version ends with its tags, which kafkajs does not write.
  if (byId) body.noTags();
  body.int32(-1).int32(waitMs).int32(1).int32(bytesMax).int8(readCommitted).int32(0).int32(-1);
  // Parts of one topic that follow each other; their order is the order in which they are answered.
  const starts = parts.flatMap((part, at) => (isSameTopic(part, parts[at - 1]) ? [] : [at]));
  writeLength(body, starts.length, byId);
  for (const [index, from] of starts.entries()) {
    const to = starts[index + 1] ?? parts.length;
    const { topic = '', topicId = '' } = parts[from] ?? {};
    if (byId) writeTopicId(body, topicId);
    else body.string(topic);
    writeLength(body, to - from, byId);
    for (let at = from; at < to; at += 1) writePart(body, parts[at], byId);
    if (byId) body.noTags();
  }
  writeLength(body, 0, byId);
  if (byId) body.compactString('').noTags();
  else body.string('');
  return wireCall(byId ? fetch13 : fetch11, body.result(), async payload => {
    try {
      return await decodeFetch(payload, parts, byId);
    } finally {
      // Records are copied out of it.
      giveFrame(payload);
    }
  });
}

function isSameTopic(one: FetchPart, other: FetchPart | undefined): boolean {
  return one.topic === other?.topic && one.topicId === other.topicId;
}

function writeLength(body: ByteWriter, length: number, compact: boolean): void {
  if (compact) body.uvarint(length + 1);
  else body.int32(length);
}

function writePart(body: ByteWriter, part: FetchPart | undefined, flexible: boolean): void {
  if (part === undefined) return;
  body.int32(part.partition).int32(-1).int64(part.offset);
  // The last epoch that was fetched, which only replicas tell.
  if (flexible) body.int32(-1);
  body.int64(-1).int32(part.bytes);
  if (flexible) body.noTags();
}

async function decodeFetch(payload: Buffer, asked: readonly FetchPart[], flexible: boolean): Promise<FetchedPart[]> {
  const reader = new ByteReader(payload);
  const parts: FetchedPart[] = [];
  let offsets: ReadonlyMap<string, number> | undefined;
  let names: ReadonlyMap<string | undefined, string> | undefined;
  const length = () => (flexible ? reader.compactLength() : Math.max(0, reader.int32()));
  const endOfOne = () => flexible && reader.skipTags();
  endOfOne();
  // The time that it was held back.
  reader.at += 4;
  const failed = reader.int16();
  if (failed !== 0) throw errors.createErrorFromCode(failed);
  // The session of fetches: there is none.
  reader.at += 4;
  for (let topics = length(); topics > 0; topics -= 1) {
    if (flexible) names ??= new Map(asked.map(part => [part.topicId, part.topic]));
    const topic = flexible ? (names?.get(readTopicId(reader)) ?? '') : reader.string();
    for (let partitions = length(); partitions > 0; partitions -= 1) {
      const partition = reader.int32();
      const errorCode = reader.int16();
      // The ends of the log and of what is committed, and its start.
      reader.at += 24;
      const aborted = readAborted(reader, length(), flexible);
      reader.at += 4;
      const records = reader.slice(length());
      endOfOne();
      if (records.length === 0) {
        if (errorCode !== 0) parts.push({ topic, partition, errorCode, ...nothing(), cutOff: false });
        continue;
      }
      offsets ??= new Map(asked.map(part => [keyOf(part.topic, part.partition), part.offset]));
      const decoded = await decodeBatches(records, offsets.get(keyOf(topic, partition)) ?? 0, aborted);
      parts.push({ topic, partition, errorCode, ...decoded, cutOff: decoded.nextOffset === undefined });
    }
    endOfOne();
  }
  return parts;
}

function nothing(): Decoded {
  return { records: new FetchedRecords(), nextOffset: undefined, batchBytes: undefined };
}

function readAborted(reader: ByteReader, count: number, flexible: boolean): readonly AbortedTransaction[] {
  if (count === 0) return noneAborted;
  return Array.from({ length: count }, () => {
    const one = { producerId: reader.bigint64(), firstOffset: reader.int64() };
    if (flexible) reader.skipTags();
    return one;
  });
}

export function keyOf(topic: string, partition: number): string {
  return `${partition}.${topic}`;
}
