import type { CommitRequest, CommitResult, ParkingChange, Seq } from '../../ports/state.ts';
import { addOutboxEntries } from './outbox-codec.ts';
import { PackedArguments } from './packed-command.ts';
import { seqText } from './progress-fields.ts';
import { asList, asNumber, asText } from './replies.ts';

/** ARGV of the commit script (commit-script.ts says the order). `firstSeq`: what its first emit is thought to get. */
export function commitArguments(commit: CommitRequest, firstSeq: Seq, nowMs: number): PackedArguments {
  const { sets, deletes } = lastWrites(commit);
  const parking = commit.parking ?? noParking;
  const answers = commit.ids.flatMap(({ id, answer }) => (answer === undefined ? [] : [id, answer]));
  const args = new PackedArguments(bytesOf(commit));
  args.addAll([
    commit.ownerToken,
    commit.ordinal,
    commit.id,
    commit.expectedFrontier ?? '',
    commit.highSeqOffset,
    nowMs,
    commit.done.length,
    commit.clearAttempts.length,
    commit.highSeqs.length,
    commit.ids.length,
    answers.length / 2,
    commit.knownIds.length,
    commit.reads.length,
    sets.keys.length,
    deletes.length,
    commit.emits.length,
    parking.holds.length,
    parking.pops.length,
    parking.unflags.length,
    seqText(firstSeq),
  ]);
  for (const [from, to] of commit.done) {
    args.add(from);
    args.add(to);
  }
  args.addAll(commit.clearAttempts);
  for (const { stream, seq } of commit.highSeqs) args.addAll([stream, seqText(seq)]);
  for (const { id } of commit.ids) args.add(id);
  for (const { expiresAtMs } of commit.ids) args.add(expiresAtMs);
  args.addAll(answers);
  args.addAll(commit.knownIds);
  for (const { key } of commit.reads) args.add(key);
  for (const { version } of commit.reads) args.add(version ?? '');
  args.addAll(sets.keys);
  args.addAll(sets.values);
  args.addAll(sets.indexes);
  args.addAll(deletes);
  addOutboxEntries(args, commit, firstSeq);
  for (const { key, offset, entry } of parking.holds) args.addAll([key, parkedOffset(offset), entry]);
  for (const { key, offset } of parking.pops) args.addAll([key, parkedOffset(offset)]);
  args.addAll(parking.unflags);
  return args;
}

/** About, and rather too many: what is too few is copied. */
function bytesOf({ done, reads, writes, emits }: CommitRequest): number {
  let bytes = 1_024 + 48 * done.length + 128 * reads.length + 160 * writes.length;
  for (const { value } of writes) bytes += value?.length ?? 0;
  return bytes + entryBytes * emits.length;
}

/** A small emit, mostly headers. */
const entryBytes = 768;

const noParking: ParkingChange = { holds: [], pops: [], unflags: [] };

/** Of one length, so that the order of bytes is that of offsets. */
function parkedOffset(offset: number): string {
  return String(offset).padStart(16, '0');
}

/** Of several writes of a key the last one stays, under its own index. */
function lastWrites({ writes }: CommitRequest) {
  const last = new Map<string, number>();
  writes.forEach(({ key }, index) => {
    last.set(key, index);
  });
  const sets: { readonly keys: string[]; readonly values: Uint8Array[]; readonly indexes: number[] } = {
    keys: [],
    values: [],
    indexes: [],
  };
  const deletes: string[] = [];
  writes.forEach(({ key, value }, index) => {
    if (last.get(key) !== index) return;
    if (value === null) deletes.push(key);
    else {
      sets.keys.push(key);
      sets.values.push(value);
      sets.indexes.push(index);
    }
  });
  return { sets, deletes };
}

/** `renumber`: nothing was done, because the first emit gets this seq and no other. */
export function commitResult(reply: unknown): CommitResult | { readonly kind: 'renumber'; readonly firstSeq: Seq } {
  const [kindReply, ...rest] = asList(reply);
  const kind = asText(kindReply);
  switch (kind) {
    case 'ok':
    case 'already': {
      const [generation = 0, counter = 0, frontier = 0] = rest.map(asNumber);
      return { kind, firstSeq: { generation, counter }, frontier };
    }
    case 'renumber':
      return { kind, firstSeq: { generation: asNumber(rest[0] ?? 0), counter: asNumber(rest[1] ?? 0) } };
    case 'conflict':
      return { kind, detail: asText(rest[0]) };
    case 'duplicate':
    case 'unknown':
      return { kind, ids: rest.map(asText) };
    case 'stale':
      return { kind, keys: rest.map(asText) };
    default:
      return { kind: kind === 'fenced' ? 'fenced' : 'rollback' };
  }
}
