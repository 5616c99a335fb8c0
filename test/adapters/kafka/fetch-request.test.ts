import { expect, test } from 'vitest';
import { ByteWriter } from '../../../controller/adapters/kafka/byte-writer.ts';
import { fetchCall } from '../../../controller/adapters/kafka/fetch-request.ts';
import { takeFrame } from '../../../controller/adapters/kafka/frame-buffers.ts';
import { encodeBatch } from '../../../controller/adapters/kafka/record-batch.ts';

/** An answer to version 11, in memory that will be used again. */
function answerOf(batch: Buffer): Buffer {
  const body = new ByteWriter(batch.length + 200);
  body.int32(0).int16(0).int32(0);
  body.int32(1).string('orders').int32(1);
  body.int32(0).int16(0).int64(9).int64(9).int64(0).int32(-1).int32(-1).int32(batch.length).bytes(batch);
  const answer = takeFrame(body.result().length);
  body.result().copy(answer);
  return answer;
}

const part = { topic: 'orders', topicId: undefined, partition: 0, offset: 0, bytes: 2 ** 20 };

async function fetched(fill: number, codec: 'none' | 'gzip') {
  const value = new Uint8Array(100_000).fill(fill);
  const batch = await encodeBatch([{ partition: 0, key: null, value, headers: [] }], 1, codec);
  // Padded: an answer that is small is not used again.
  const answer = answerOf(Buffer.concat([batch, Buffer.alloc(60)]));
  const { buffer } = answer;
  const [read] = (await fetchCall([part], { waitMs: 1, bytesMax: 2 ** 20 }, 11).response.decode(answer)) as {
    records: { at(index: number): { value: Uint8Array } };
    batchBytes: number;
  }[];
  return { read, buffer, batchBytes: batch.length };
}

test.each(['none', 'gzip'] as const)(
  'codec %s: what was read stays as it was when the memory of its answer is used for the next',
  async codec => {
    const first = await fetched(1, codec);
    const second = await fetched(2, codec);
    if (codec === 'none') expect(second.buffer === first.buffer).toBe(true);
    expect(first.read?.records.at(0).value.every(byte => byte === 1)).toBe(true);
    expect(second.read?.records.at(0).value.every(byte => byte === 2)).toBe(true);
    expect(first.read?.batchBytes).toBe(first.batchBytes);
  },
);
