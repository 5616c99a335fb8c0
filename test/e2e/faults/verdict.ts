/** What the outside world has sent and knows to be accepted. */
export interface Order {
  /** Unique. */
  readonly id: string;
  readonly key: string;
  /** The key that gets a coin of `key`. */
  readonly to?: string;
  readonly sentAtMs: number;
}

export interface Account {
  readonly log: readonly (readonly [id: string, atMs: number, attempt: number])[];
  readonly coins: number;
  readonly count: number;
}

/** What is there in the end, looked up in stores and topics, by key. */
export interface Found {
  readonly ledger: ReadonlyMap<string, Account>;
  /** What the mirror handled, as `id@n`. */
  readonly mirror: ReadonlyMap<string, readonly string[]>;
  /** What a reader of the topic sees that drops every record whose seq is not above the highest of its stream; undefined: nobody read. */
  readonly visible: ReadonlyMap<string, readonly string[]> | undefined;
  readonly deadLetters: number;
}

export interface Sent {
  /** Of each key in the order in which they were accepted; all of them must be handled. */
  readonly orders: readonly Order[];
  /** Keys whose orders were sent one after another: they must be handled in that order. */
  isOrdered(key: string): boolean;
  /** Of the topic, where orders of the key are records; undefined for those that came as requests. */
  partitionOf(key: string): number | undefined;
}

export interface Verdict {
  readonly sent: number;
  readonly handled: number;
  readonly lost: number;
  readonly doubled: number;
  /** Accounts that are not what their orders make of them, and orders out of their turn. */
  readonly stateWrong: number;
  /** Emits that are missing, or were seen twice, by the mirror or by a plain reader. */
  readonly emitsLost: number;
  readonly emitsTwice: number;
  readonly deadLetters: number;
  /** Orders whose handling counted an attempt before the one that was committed. */
  readonly attemptsCounted: number;
  /** The longest time without any order of a key, over all keys that had orders throughout. */
  readonly silenceMs: number;
}

/** What must hold of every verdict. */
export const exact = { lost: 0, doubled: 0, stateWrong: 0, emitsLost: 0, emitsTwice: 0, deadLetters: 0 } as const;

/**
 * How long after a moment every partition to which orders came since had one of any key handled again; by keys: every key of those partitions. Throws when no order came
 * since: nothing had to go on then, and no time would be too long.
 */
export function resumedAfterMs(sent: Sent, found: Pick<Found, 'ledger'>, atMs: number, by: 'partition' | 'key' = 'partition'): number {
  const firsts = new Map<number | string, number>();
  for (const [key, orders] of ordersByKey(sent)) {
    const partition = sent.partitionOf(key);
    if (partition === undefined || !orders.some(({ sentAtMs }) => sentAtMs > atMs)) continue;
    const first = (found.ledger.get(key)?.log ?? []).find(([, handledAtMs]) => handledAtMs > atMs)?.[1] ?? Number.POSITIVE_INFINITY;
    const line = by === 'key' ? key : partition;
    firsts.set(line, Math.min(first, firsts.get(line) ?? Number.POSITIVE_INFINITY));
  }
  if (firsts.size === 0) throw new Error(`no order came to a partition after ${new Date(atMs).toISOString()}: nothing had to go on`);
  return Math.max(...firsts.values()) - atMs;
}

/** Compares sets of ids, and knows nothing of how they came about. */
export function judge(sent: Sent, found: Found): Verdict {
  const byKey = ordersByKey(sent);
  const logs = new Map([...byKey.keys()].map(key => [key, (found.ledger.get(key)?.log ?? []).map(([id]) => id)]));
  const handled = sum([...logs.values()].map(log => log.length));
  const compared = [...byKey].map(([key, orders]) =>
    difference(
      orders.map(({ id }) => id),
      logs.get(key) ?? [],
    ),
  );
  const emitted = new Map([...logs].map(([key, log]) => [key, log.map((id, i) => `${id}@${i + 1}`)]));
  const seen = [found.mirror, ...(found.visible === undefined ? [] : [found.visible])];
  const emits = seen.flatMap(reader => [...emitted].map(([key, wanted]) => difference(wanted, reader.get(key) ?? [])));
  return {
    sent: sent.orders.length,
    handled,
    lost: sum(compared.map(({ missing }) => missing)),
    doubled: sum(compared.map(({ surplus }) => surplus)),
    stateWrong: [...byKey].filter(([key, orders]) => !isRight(key, orders, sent, found.ledger.get(key))).length + wrongBank(sent, found),
    emitsLost: sum(emits.map(({ missing }) => missing)),
    emitsTwice: sum(emits.map(({ surplus }) => surplus)),
    deadLetters: found.deadLetters,
    attemptsCounted: [...byKey.keys()].flatMap(key => found.ledger.get(key)?.log ?? []).filter(([, , attempt]) => attempt > 1).length,
    silenceMs: Math.max(0, ...[...byKey].map(([key, orders]) => longestSilence(orders, found.ledger.get(key)))),
  };
}

/** In the order in which they were accepted. */
export function ordersByKey({ orders }: Sent): ReadonlyMap<string, readonly Order[]> {
  const byKey = new Map<string, Order[]>();
  for (const order of orders) {
    const of = byKey.get(order.key);
    if (of === undefined) byKey.set(order.key, [order]);
    else of.push(order);
  }
  return byKey;
}

/** One line for people. */
export function lineOf(verdict: Verdict): string {
  const { sent, handled, lost, doubled, stateWrong, emitsLost, emitsTwice, deadLetters, attemptsCounted, silenceMs } = verdict;
  const emits = `emits lost ${emitsLost}, twice ${emitsTwice}`;
  const rest = `dead letters ${deadLetters}, attempts counted ${attemptsCounted}, longest silence ${(silenceMs / 1_000).toFixed(1)} s`;
  return `sent ${sent}, handled ${handled}, lost ${lost}, doubled ${doubled}, state wrong ${stateWrong}, ${emits}, ${rest}`;
}

/** Count, order, and the ids themselves; coins are judged apart, because transfers touch two keys. */
function isRight(key: string, orders: readonly Order[], sent: Sent, account: Account | undefined): boolean {
  if (account === undefined || account.count !== account.log.length) return false;
  if (!sent.isOrdered(key)) return true;
  const wanted = new Map(orders.map(({ id }, at) => [id, at]));
  const places = account.log.map(([id]) => wanted.get(id) ?? -1);
  return places.every((place, i) => i === 0 || place > (places[i - 1] ?? -1));
}

/** Each account has what the transfers say, and together they have nothing: coins are only moved. */
function wrongBank({ orders }: Sent, { ledger }: Found): number {
  const coins = new Map<string, number>();
  const add = (key: string, by: number) => coins.set(key, (coins.get(key) ?? 0) + by);
  for (const { key, to } of orders) {
    if (to === undefined) continue;
    add(key, -1);
    add(to, 1);
  }
  const total = sum([...coins.keys()].map(key => ledger.get(key)?.coins ?? 0));
  return [...coins].filter(([key, wanted]) => (ledger.get(key)?.coins ?? 0) !== wanted).length + (total === 0 ? 0 : 1);
}

function longestSilence(orders: readonly Order[], account: Account | undefined): number {
  const [first, last] = [orders[0]?.sentAtMs ?? 0, orders.at(-1)?.sentAtMs ?? 0];
  const times = [first, ...(account?.log ?? []).map(([, atMs]) => atMs).filter(atMs => atMs > first), last].sort((a, b) => a - b);
  return Math.max(0, ...times.map((atMs, i) => atMs - (times[i - 1] ?? atMs)));
}

function difference(wanted: readonly string[], seen: readonly string[]): { missing: number; surplus: number } {
  const left = new Set(wanted);
  let surplus = 0;
  for (const one of seen) if (!left.delete(one)) surplus += 1;
  return { missing: left.size, surplus };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
