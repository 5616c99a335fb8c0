import type { Seq } from '../../controller/ports/state.ts';
import type { RecordHeader, StreamRecord, Streams } from '../../controller/ports/streams.ts';
import { headerNames } from '../../runtime/protocol/headers.ts';

/** A record with what a reader that compares (stream, seq) makes of it. */
export interface VisibleRecord extends StreamRecord {
  readonly partition: number;
  readonly id: string | undefined;
  /** False: its seq is not above the highest seen of its stream in this partition. */
  readonly visible: boolean;
}

const decoder = new TextDecoder();

/** All records of a topic, partition by partition, in offset order. */
export async function readTopic(streams: Streams, topic: string): Promise<readonly VisibleRecord[]> {
  const seen: VisibleRecord[] = [];
  for (const { partition } of await streams.bounds(topic)) {
    const highest = new Map<string, Seq>();
    const { records } = await streams.read(topic, partition, 0, { records: 1_000_000, bytes: Number.POSITIVE_INFINITY });
    for (const record of records) {
      const [stream, seq, id] = [headerNames.stream, headerNames.seq, headerNames.id].map(name => headerOf(record.headers, name));
      let visible = true;
      if (stream !== undefined && seq !== undefined) {
        const [generation = 0, counter = 0] = seq.split('.').map(Number);
        const last = highest.get(stream) ?? { generation: -1, counter: -1 };
        visible = generation > last.generation || (generation === last.generation && counter > last.counter);
        if (visible) highest.set(stream, { generation, counter });
      }
      seen.push({ ...record, partition, id, visible });
    }
  }
  return seen;
}

/** The last header of a name counts. */
function headerOf(headers: readonly RecordHeader[], name: string): string | undefined {
  const value = headers.findLast(([header]) => header === name)?.[1];
  return value === undefined ? undefined : decoder.decode(value);
}
