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
  /** Consumers may read up to here: the end of the log, or the first open transaction. */
  readonly stableOffset: number;
  readonly records: StreamRecord[];
  /** undefined: the answer held no whole batch. */
  readonly nextOffset: number | undefined;
  /** There was the beginning of a batch that did not fit. */
  readonly cutOff: boolean;
}

const fetch11 = { apiName: 'Fetch', apiKey: 1, apiVersion: 11 };
const readCommitted = 1;

/** Fetch, version 11: parts in their order, of which the first that has anything is answered with at least one batch. */
export function fetchCall(parts: readonly FetchPart[], options: { readonly waitMs: number; readonly bytesMax: number }) {
  const body = new ByteWriter(64 + parts.length * 64);
  body.int32(-1).int32(options.waitMs).int32(1).int32(options.bytesMax).int8(readCommitted).int32(0).int32(-1);
  const topics = runsOf(parts);
  body.int32(topics.length);
  for (const run of topics) {
    body.string(run[0]?.topic ?? '').int32(run.length);
    for (const { partition, offset, bytes } of run) body.int32(partition).int32(-1).int64(offset).int64(-1).int32(bytes);
  }
  body.int32(0).string('');
  const offsets = new Map(parts.map(part => [keyOf(part.topic, part.partition), part.offset]));
  return wireCall(fetch11, body.result(), payload => decodeFetch(payload, offsets));
}

/** Parts of one topic that follow each other; their order is the order in which they are answered. */
function runsOf(parts: readonly FetchPart[]): FetchPart[][] {
  const runs: FetchPart[][] = [];
  for (const part of parts) {
    const last = runs.at(-1);
    if (last?.[0]?.topic === part.topic) last.push(part);
    else runs.push([part]);
  }
  return runs;
}

async function decodeFetch(payload: Buffer, offsets: ReadonlyMap<string, number>): Promise<FetchedPart[]> {
  const reader = new ByteReader(payload);
  const parts: FetchedPart[] = [];
  reader.at += 10;
  for (let topics = reader.int32(); topics > 0; topics -= 1) {
    const topic = reader.string();
    for (let partitions = reader.int32(); partitions > 0; partitions -= 1) {
      const partition = reader.int32();
      const errorCode = reader.int16();
      reader.at += 8;
      const stableOffset = reader.int64();
      reader.at += 8;
      const aborted: AbortedTransaction[] = [];
      for (let count = reader.int32(); count > 0; count -= 1) aborted.push({ producerId: reader.bigint64(), firstOffset: reader.int64() });
      reader.at += 4;
      const bytes = reader.slice(Math.max(0, reader.int32()));
      // Of a thousand idle partitions each second.
      const decoded = bytes.length === 0 ? nothing() : await decodeBatches(bytes, offsets.get(keyOf(topic, partition)) ?? 0, aborted);
      const cutOff = decoded.nextOffset === undefined && bytes.length > 0;
      parts.push({ topic, partition, errorCode, stableOffset, ...decoded, cutOff });
    }
  }
  return parts;
}

function nothing(): Pick<FetchedPart, 'records' | 'nextOffset'> {
  return { records: [], nextOffset: undefined };
}

export function keyOf(topic: string, partition: number): string {
  return `${partition}.${topic}`;
}
