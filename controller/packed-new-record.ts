import { type HeaderBlock, PackedBody, type PackedRecord } from '../runtime/protocol/record.ts';
import type { NewRecord } from './ports/streams.ts';

/** A record to append that was packed already. */
export class PackedNewRecord extends PackedBody implements NewRecord {
  readonly partition: number;
  readonly common: HeaderBlock | undefined;

  constructor(partition: number, packed: PackedRecord, common?: HeaderBlock) {
    super(packed);
    this.partition = partition;
    this.common = common;
  }
}
