import type { CommitRequest, CommitResult, ParkingChange } from '../../ports/state.ts';
import { packEmits } from './outbox-codec.ts';
import { seqText } from './progress-fields.ts';
import { asList, asNumber, asText } from './replies.ts';

/** ARGV of the commit script (commit-script.ts says the order). */
export function commitArguments(commit: CommitRequest, nowMs: number): (string | number | Uint8Array)[] {
  const { sets, deletes } = lastWrites(commit);
  const parking = commit.parking ?? noParking;
  const answers = commit.ids.flatMap(({ id, answer }) => (answer === undefined ? [] : [id, answer]));
  return [
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
    ...commit.done.flat(),
    ...commit.clearAttempts,
    ...commit.highSeqs.flatMap(({ stream, seq }) => [stream, seqText(seq)]),
    ...commit.ids.map(({ id }) => id),
    ...commit.ids.map(({ expiresAtMs }) => expiresAtMs),
    ...answers,
    ...commit.knownIds,
    ...commit.reads.map(({ key }) => key),
    ...commit.reads.map(({ version }) => version ?? ''),
    ...sets.keys,
    ...sets.values,
    ...sets.indexes,
    ...deletes,
    ...packEmits(commit),
    ...parking.holds.flatMap(({ key, offset, entry }) => [key, parkedOffset(offset), entry]),
    ...parking.pops.flatMap(({ key, offset }) => [key, parkedOffset(offset)]),
    ...parking.unflags,
  ];
}

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

export function commitResult(reply: unknown): CommitResult {
  const [kindReply, ...rest] = asList(reply);
  const kind = asText(kindReply);
  switch (kind) {
    case 'ok':
    case 'already': {
      const [generation = 0, counter = 0, frontier = 0] = rest.map(asNumber);
      return { kind, firstSeq: { generation, counter }, frontier };
    }
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
