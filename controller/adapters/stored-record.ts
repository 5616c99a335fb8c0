import { PackedBody, type PackedRecord } from '../../runtime/protocol/record.ts';
import type { StreamRecord } from '../ports/streams.ts';

/** A record as a log has it. */
export class StoredRecord extends PackedBody implements StreamRecord {
  readonly offset: number;
  readonly appendedAtMs: number;

  constructor(offset: number, appendedAtMs: number, packed: PackedRecord) {
    super(packed);
    this.offset = offset;
    this.appendedAtMs = appendedAtMs;
  }
}
