import errors from 'kafkajs/src/protocol/error.js';
import type { StreamRecord } from '../../ports/streams.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { type AbortedTransaction, decodeBatches } from './record-batch.ts';
import { wireCall } from './wire-call.ts';

export interface FetchPart {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly bytes: number;
}

export interface FetchedPart {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly records: StreamRecord[];
  /** undefined: the answer held no whole batch. */
  readonly nextOffset: number | undefined;
  /** There was the beginning of a batch that did not fit. */
  readonly cutOff: boolean;
}

const fetch11 = { apiName: 'Fetch', apiKey: 1, apiVersion: 11 };
const readCommitted = 1;
const noneAborted: readonly AbortedTransaction[] = [];

/**
 * Fetch, version 11: parts in their order, of which the first that has anything is answered with at least one batch. Parts that have nothing are left out of the answer: there
 * are thousands each second.
 */
export function fetchCall(parts: readonly FetchPart[], options: { readonly waitMs: number; readonly bytesMax: number }) {
  const body = new ByteWriter(64 + parts.length * 64);
  body.int32(-1).int32(options.waitMs).int32(1).int32(options.bytesMax).int8(readCommitted).int32(0).int32(-1);
  // Parts of one topic that follow each other; their order is the order in which they are answered.
  const starts = parts.flatMap((part, at) => (part.topic === parts[at - 1]?.topic ? [] : [at]));
  body.int32(starts.length);
  for (const [index, from] of starts.entries()) {
    const to = starts[index + 1] ?? parts.length;
    body.string(parts[from]?.topic ?? '').int32(to - from);
    for (let at = from; at < to; at += 1) writePart(body, parts[at]);
  }
  body.int32(0).string('');
  return wireCall(fetch11, body.result(), payload => decodeFetch(payload, parts));
}

function writePart(body: ByteWriter, part: FetchPart | undefined): void {
  if (part === undefined) return;
  body.int32(part.partition).int32(-1).int64(part.offset).int64(-1).int32(part.bytes);
}

async function decodeFetch(payload: Buffer, asked: readonly FetchPart[]): Promise<FetchedPart[]> {
  const reader = new ByteReader(payload);
  const parts: FetchedPart[] = [];
  let offsets: ReadonlyMap<string, number> | undefined;
  // The time that it was held back.
  reader.at += 4;
  const failed = reader.int16();
  if (failed !== 0) throw errors.createErrorFromCode(failed);
  // The session of fetches: there is none.
  reader.at += 4;
  for (let topics = reader.int32(); topics > 0; topics -= 1) {
    const topic = reader.string();
    for (let partitions = reader.int32(); partitions > 0; partitions -= 1) {
      const partition = reader.int32();
      const errorCode = reader.int16();
      // The ends of the log and of what is committed, and its start.
      reader.at += 24;
      const aborted = readAborted(reader);
      reader.at += 4;
      const length = Math.max(0, reader.int32());
      if (length === 0) {
        if (errorCode !== 0) parts.push({ topic, partition, errorCode, records: [], nextOffset: undefined, cutOff: false });
        continue;
      }
      offsets ??= new Map(asked.map(part => [keyOf(part.topic, part.partition), part.offset]));
      const decoded = await decodeBatches(reader.slice(length), offsets.get(keyOf(topic, partition)) ?? 0, aborted);
      parts.push({ topic, partition, errorCode, ...decoded, cutOff: decoded.nextOffset === undefined });
    }
  }
  return parts;
}

function readAborted(reader: ByteReader): readonly AbortedTransaction[] {
  const count = reader.int32();
  if (count <= 0) return noneAborted;
  return Array.from({ length: count }, () => ({ producerId: reader.bigint64(), firstOffset: reader.int64() }));
}

export function keyOf(topic: string, partition: number): string {
  return `${partition}.${topic}`;
}
