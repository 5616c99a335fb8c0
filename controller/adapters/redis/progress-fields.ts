import type { AttemptRecord, Claimed, Seq } from '../../ports/state.ts';

/** What a claim answers besides the outbox, from the stored progress (claim-script.ts). `flat`: field, value, … */
export function claimedFrom(flat: readonly Buffer[], bits: Buffer | null): Omit<Claimed, 'generation' | 'outbox' | 'parked'> {
  const highSeqs = new Map<string, Seq>();
  const attempts: AttemptRecord[] = [];
  const plain = new Map<string, number>();
  let topicId: string | undefined;
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const field = String(flat[i]);
    const value = String(flat[i + 1]);
    if (field.startsWith('w:')) highSeqs.set(field.slice(2), parseSeq(value));
    else if (field.startsWith('a:')) attempts.push(parseAttempt(Number(field.slice(2)), value));
    else if (field === 'ti') topicId = value;
    else plain.set(field, Number(value));
  }
  const frontier = plain.get('n') ?? 0;
  return {
    topicId,
    frontier,
    highSeqOffset: plain.get('m') ?? 0,
    highSeqs,
    done: bits === null ? [] : offsetsIn(bits, plain.get('b') ?? 0, frontier),
    attempts: attempts.sort((a, b) => a.offset - b.offset),
  };
}

export function seqText({ generation, counter }: Seq): string {
  return `${generation}.${counter}`;
}

export function attemptText({ suspect, exclusiveCrashes, failures }: AttemptRecord): string {
  return `${suspect ? 1 : 0}.${exclusiveCrashes}.${failures}`;
}

function parseSeq(text: string): Seq {
  const [generation = 0, counter = 0] = text.split('.').map(Number);
  return { generation, counter };
}

function parseAttempt(offset: number, text: string): AttemptRecord {
  const [suspect, exclusiveCrashes = 0, failures = 0] = text.split('.').map(Number);
  return { offset, suspect: suspect === 1, exclusiveCrashes, failures };
}

/** Ascending; Redis numbers bits from the highest of a byte. */
function offsetsIn(bits: Buffer, base: number, frontier: number): number[] {
  const offsets: number[] = [];
  bits.forEach((byte, index) => {
    if (byte === 0) return;
    for (let bit = 0; bit < 8; bit += 1) {
      const offset = base + index * 8 + bit;
      if ((byte & (0x80 >> bit)) !== 0 && offset >= frontier) offsets.push(offset);
    }
  });
  return offsets;
}
