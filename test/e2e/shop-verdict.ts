/** What the outside world has sent and knows to be accepted. */
export interface Sent {
  readonly webhooks: number;
  readonly calls: number;
}

/** What the two functions of test/data/e2e keep in the end, by key. */
export interface ShopFound {
  /** Ids in the order in which they were handled. */
  readonly intake: ReadonlyMap<string, readonly string[]>;
  /** Of what intake emitted, as `id@n`: the n-th of its key. */
  readonly tally: ReadonlyMap<string, readonly string[]>;
  readonly deadLetters: ReadonlyMap<string, number>;
}

export interface ShopVerdict {
  /** Events that were sent, and emits, that were never handled. */
  readonly lost: number;
  /** Those that were handled again, and those that nobody sent. */
  readonly twice: number;
  /** What is wrong, in words; empty: nothing. */
  readonly wrong: readonly string[];
}

export const shopKeys = ['a', 'b', 'c', 'd'] as const;
const beatMs = 500;

/** Compares ids, and knows nothing of how they came about. The order of a key is not judged: who sends has several of it under way. */
export function judgeShop({ webhooks, calls }: Sent, { intake, tally, deadLetters }: ShopFound): ShopVerdict {
  const compared: Compared[] = [];
  const emitted: string[] = [];
  for (const [kind, count] of [
    ['webhook', webhooks],
    ['call', calls],
  ] as const) {
    for (const [keyIndex, key] of shopKeys.entries()) {
      const log = intake.get(`${kind}-${key}`) ?? [];
      const expected = Array.from({ length: count }, (_, i) => i).filter(i => i % shopKeys.length === keyIndex);
      const wanted = expected.map(i => `${kind}-${i}`);
      compared.push(compare(`${kind}s of ${key}`, wanted, log));
      emitted.push(...log.map((id, i) => `${id}@${i + 1}`));
    }
  }
  compared.push(compare('tally', emitted, [...tally.values()].flat()));
  return {
    lost: compared.reduce((sum, { missing }) => sum + missing.length, 0),
    twice: compared.reduce((sum, { surplus }) => sum + surplus.length, 0),
    wrong: [
      ...compared.flatMap(textOf),
      ...wrongTicks(intake.get('beat') ?? []),
      ...[...deadLetters].flatMap(([name, total]) => (total > 0 ? [`${name} has ${total} dead letters`] : [])),
    ],
  };
}

interface Compared {
  readonly what: string;
  readonly missing: readonly string[];
  readonly surplus: readonly string[];
}

function compare(what: string, wanted: readonly string[], seen: readonly string[]): Compared {
  return {
    what,
    missing: wanted.filter(one => !seen.includes(one)),
    surplus: seen.filter((one, i) => seen.indexOf(one) !== i || !wanted.includes(one)),
  };
}

function textOf({ what, missing, surplus }: Compared): readonly string[] {
  if (missing.length + surplus.length === 0) return [];
  return [`${what}: missing [${missing.join(' ')}], too many [${surplus.join(' ')}]`];
}

/** From the first due time on none is missing and none is twice. */
function wrongTicks(ids: readonly string[]): readonly string[] {
  const ticks = ids.map(id => Date.parse(id.slice(id.indexOf('@') + 1)));
  if (ticks.length === 0) return ['ticks: none'];
  const [firstMs, lastMs] = [Math.min(...ticks), Math.max(...ticks)];
  const due = Array.from({ length: (lastMs - firstMs) / beatMs + 1 }, (_, i) => `${i * beatMs}`);
  return textOf(
    compare(
      'ticks',
      due,
      ticks.map(atMs => `${atMs - firstMs}`),
    ),
  );
}
