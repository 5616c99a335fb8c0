import { headerNames } from '../runtime/protocol/headers.ts';
import type { OutboxEntry } from './ports/state.ts';
import type { NewRecord } from './ports/streams.ts';

const utf8 = new TextEncoder();

/** An entry of an outbox as consumers get it: stream and seq are what they tell a repetition by (docs/protocol.md). */
export function publishedRecord({ seq, stream, emit }: OutboxEntry): NewRecord {
  return {
    partition: emit.partition,
    key: emit.key,
    value: emit.value,
    headers: [
      ...emit.headers,
      [headerNames.stream, utf8.encode(stream)],
      [headerNames.seq, utf8.encode(`${seq.generation}.${seq.counter}`)],
    ],
  };
}
