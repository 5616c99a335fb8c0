import { PackedBody, type PackedRecord } from '../runtime/protocol/record.ts';
import type { NewRecord } from './ports/streams.ts';

/** A record to append that was packed already. */
export class PackedNewRecord extends PackedBody implements NewRecord {
  readonly partition: number;

  constructor(partition: number, packed: PackedRecord) {
    super(packed);
    this.partition = partition;
  }
}
