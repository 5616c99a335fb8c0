import type { PackedRecord } from '../../runtime/protocol/record.ts';
import type { StreamRecord } from '../ports/streams.ts';

/** A record as it was read, in one piece: taken apart when somebody asks for a part. */
export class StoredRecord implements StreamRecord {
  readonly offset: number;
  readonly appendedAtMs: number;
  readonly packed: PackedRecord;

  constructor(offset: number, appendedAtMs: number, packed: PackedRecord) {
    this.offset = offset;
    this.appendedAtMs = appendedAtMs;
    this.packed = packed;
  }

  get key(): Uint8Array | null {
    return this.packed.key;
  }

  get value(): Uint8Array | null {
    return this.packed.value;
  }

  get headers(): StreamRecord['headers'] {
    return this.packed.headers;
  }
}
