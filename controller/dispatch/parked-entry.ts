import { PackedRecord } from '../../runtime/protocol/record.ts';
import type { Doom, PendingEvent } from './pending-event.ts';

/** What is kept of a parked event besides its record. */
export interface ParkedFacts {
  readonly version: 1;
  readonly appendedAtMs: number;
  /** Ended pods: it runs alone when it runs again. */
  readonly suspect: boolean;
  readonly failures: number;
  readonly crashes: number;
  readonly heldAtMs: number;
  readonly revision: string;
  /** Why it is out of attempts; undefined: it waits behind one that is. */
  readonly doom: Doom | undefined;
}

export interface ParkedEntry {
  readonly facts: ParkedFacts;
  readonly packed: PackedRecord;
}

const lengthBytes = 4;

/** Length of the facts (4 bytes, big-endian), facts as JSON, then the packed record as it was read. */
export function packParked(event: PendingEvent, facts: ParkedFacts): Uint8Array {
  const json = Buffer.from(JSON.stringify(facts));
  const { bytes, at, end } = event.packed;
  const entry = Buffer.alloc(lengthBytes + json.length + end - at);
  entry.writeUInt32BE(json.length, 0);
  entry.set(json, lengthBytes);
  entry.set(bytes.subarray(at, end), lengthBytes + json.length);
  return entry;
}

/** Throws when it is not what `packParked` made. */
export function unpackParked(entry: Uint8Array): ParkedEntry {
  const view = Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength);
  const recordAt = lengthBytes + view.readUInt32BE(0);
  const facts: ParkedFacts = JSON.parse(view.toString('utf8', lengthBytes, recordAt));
  return { facts, packed: new PackedRecord(view.subarray(recordAt), 0) };
}
