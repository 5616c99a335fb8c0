import type { MemoryAdapters } from '../../controller/adapters/memory/memory-adapters.ts';
import { deadLetterTopicOf, groupOf, inboxTopicOf } from '../../controller/functions/live-function.ts';
import type { Order } from '../../controller/manifest/spec.ts';
import { type AccountState, asAccount, asCount, isRecord, noKey, totalKey } from './handlers.ts';
import type { Mode, ModeName } from './modes.ts';
import type { Observer } from './observer.ts';
import type { Executions } from './sim-pods.ts';
import { eventOf } from './sim-pods.ts';
import { readTopic, type VisibleRecord } from './visible.ts';
import { type DeployPlan, isDoomed, openingBalance, type SimEvent, topics, units } from './workload.ts';

export interface CheckInput {
  readonly events: ReadonlyMap<string, SimEvent>;
  /** What was called and answered. */
  readonly calls: readonly SimEvent[];
  readonly plan: DeployPlan;
  readonly executions: Executions;
  readonly observer: Observer;
  readonly mode: Mode;
  readonly modeName: ModeName;
}

/** One event as the log shows it to a reader that drops repeats. */
interface Expected {
  readonly event: SimEvent;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly ordered: boolean;
}

interface UnitView {
  readonly unit: string;
  readonly handled: readonly Expected[];
  readonly doomed: readonly Expected[];
  /** Key → the ids that its state has counted. */
  readonly logs: ReadonlyMap<string, readonly string[]>;
}

const decoder = new TextDecoder();
const inputsOf: Readonly<Record<string, readonly string[]>> = {
  [units.count]: [topics.input, inboxTopicOf(units.count)],
  [units.tail]: [topics.mid, inboxTopicOf(units.tail)],
  [units.bank]: [topics.transfers, inboxTopicOf(units.bank)],
};

/** What still is to be done, looked up in the stores; undefined: nothing. */
export async function isDrained(
  { streams, state }: MemoryAdapters,
  { events, plan }: Pick<CheckInput, 'events' | 'plan'>,
): Promise<string | undefined> {
  for (const [unit, inputs] of Object.entries(inputsOf)) {
    const [parked] = await state.parked(unit);
    if (parked !== undefined) return `${unit} has parked ${parked.events} events of ${parked.key} in ${parked.source}`;
    if ((await state.figures(unit)).outboxEntries > 0) return `the outbox of ${unit} is not empty`;
    const progress = new Map((await state.progress(unit)).map(one => [one.source, one]));
    for (const topic of inputs) {
      for (const { partition, endOffset } of await streams.bounds(topic)) {
        const frontier = progress.get(`${topic}.${partition}`)?.frontier ?? 0;
        const doneAbove = progress.get(`${topic}.${partition}`)?.doneAbove ?? 0;
        if (frontier + doneAbove >= endOffset) continue;
        const { surely, perhaps } = heldByEndless(await readTopic(streams, topic), events, orderOf(unit, topic, plan));
        const held = [...surely, ...perhaps].filter(one => one.partition === partition).length;
        if (frontier + doneAbove + held < endOffset) {
          return `${unit} ${topic}.${partition} stands at ${frontier} + ${doneAbove} of ${endOffset}, order ${plan.order}`;
        }
      }
    }
  }
  return undefined;
}

/** All invariants, on what is in the stores and in the log at the end. */
export async function checkSeed(adapters: MemoryAdapters, input: CheckInput): Promise<readonly string[]> {
  const found: string[] = [];
  const fail = (invariant: string, what: string) => void found.push(`${invariant}: ${what}`);
  const views = new Map<string, UnitView>();
  for (const unit of Object.values(units)) views.set(unit, await viewOf(adapters, unit, input));
  for (const view of views.values()) {
    checkLogs(view, fail);
    await checkDeadLetters(adapters, view, input, fail);
    await checkOffsets(adapters, view.unit, input, fail);
  }
  const [count, bank] = [views.get(units.count), views.get(units.bank)];
  if (count !== undefined) {
    await checkTotal(adapters, count, fail);
    await checkEmits(adapters, count, input, fail);
  }
  if (bank !== undefined) await checkBank(adapters, bank, input, fail);
  checkCrashes(input, fail);
  return found;
}

/** After a rollback, what was published and then lost is done again, and its emits come twice, but never with `durability: strict`. */
function mayRepeat({ observer, plan }: CheckInput): boolean {
  return observer.rollbacks > 0 && plan.durability === 'default';
}

type Fail = (invariant: string, what: string) => void;

async function viewOf({ streams, state }: MemoryAdapters, unit: string, input: CheckInput): Promise<UnitView> {
  const { events, calls, plan } = input;
  const logs = new Map<string, readonly string[]>();
  for (const { key, value } of await state.list(unit, { limit: 10_000 })) {
    if (key === totalKey) continue;
    const stored: unknown = JSON.parse(decoder.decode(value));
    logs.set(key, unit === units.bank ? asAccount(stored).sent : asCount(stored).log);
  }
  const logged = new Set([...logs.values()].flat());
  const expected: Expected[] = [];
  for (const topic of inputsOf[unit] ?? []) {
    const inbox = topic === inboxTopicOf(unit);
    const order = orderOf(unit, topic, plan);
    const records = await readTopic(streams, topic);
    const { surely, perhaps } = heldByEndless(records, events, order);
    const seenIds = new Set<string>();
    const places = inbox ? placesOf(records) : new Map<string, ReadonlySet<number>>();
    for (const record of records) {
      if (!record.visible || surely.has(record)) continue;
      if (inbox && record.id !== undefined) {
        if (seenIds.has(record.id)) continue;
        seenIds.add(record.id);
      }
      const event = eventOf(record);
      if (perhaps.has(record) && !logged.has(event.id)) continue;
      expected.push({
        event,
        topic,
        partition: record.partition,
        offset: record.offset,
        // Of copies in several partitions, any one may be the one that ran.
        ordered: (places.get(record.id ?? '')?.size ?? 1) === 1 && (order === 'partition' || (order === 'key' && event.key !== null)),
      });
    }
  }
  if (unit === units.count) {
    // A store that rolls back may lose what a caller was told, unless it is strict.
    const kept = mayRepeat(input) ? calls.filter(({ id }) => logged.has(id)) : calls;
    for (const [offset, event] of kept.entries()) expected.push({ event, topic: 'direct calls', partition: 0, offset, ordered: false });
  }
  const doomed = expected.filter(({ event }) => isDoomed(event, plan.onExhausted === 'block' ? Number.POSITIVE_INFINITY : plan.attempts));
  return { unit, handled: expected.filter(one => !doomed.includes(one)), doomed, logs };
}

/** The partitions in which each id is. */
function placesOf(records: readonly VisibleRecord[]): ReadonlyMap<string, ReadonlySet<number>> {
  const places = new Map<string, Set<number>>();
  for (const { id = '', partition } of records) places.set(id, (places.get(id) ?? new Set()).add(partition));
  return places;
}

function orderOf(unit: string, topic: string, plan: DeployPlan): Order {
  return topic === inboxTopicOf(unit) || topic === topics.mid ? 'key' : plan.order;
}

/**
 * What an event that never ends holds up: itself and everything behind it in its lane. `perhaps`: an event before it that is to run again and cannot
 * while the lane is busy; without an order, those of its key that were sent in one batch with it.
 */
function heldByEndless(records: readonly VisibleRecord[], events: ReadonlyMap<string, SimEvent>, order: Order) {
  const heads = records.filter(record => events.get(eventOf(record).id)?.act.kind === 'never');
  const isOfKey = (head: VisibleRecord, record: VisibleRecord) =>
    head.partition === record.partition && head.key !== null && eventOf(head).key === eventOf(record).key;
  const isBehind = (head: VisibleRecord, record: VisibleRecord) => order !== 'none' && record.offset > head.offset && isOfKey(head, record);
  const surely = records.filter(record => heads.some(head => head === record || isBehind(head, record)));
  const perhaps = records.filter(record => !surely.includes(record) && heads.some(head => isOfKey(head, record)));
  return { surely: new Set(surely), perhaps: new Set(perhaps) };
}

/** Log per key: each event once, those of one source in its order. */
function checkLogs({ unit, handled, logs }: UnitView, fail: Fail): void {
  const byKey = new Map<string, Expected[]>();
  for (const one of handled.filter(({ event }) => !event.relay))
    byKey.set(one.event.key ?? noKey, [...(byKey.get(one.event.key ?? noKey) ?? []), one]);
  for (const key of new Set([...byKey.keys(), ...logs.keys()])) {
    const [wanted, log] = [byKey.get(key) ?? [], logs.get(key) ?? []];
    const difference = differenceOf(
      wanted.map(({ event }) => event.id),
      log,
    );
    if (difference !== undefined) fail('once', `${unit} key ${key}: ${difference}`);
    const sources = new Map<string, string[]>();
    for (const { topic, partition, event, ordered } of wanted) {
      if (ordered) sources.set(`${topic}.${partition}`, [...(sources.get(`${topic}.${partition}`) ?? []), event.id]);
    }
    for (const [source, ids] of sources) {
      const own = new Set(ids);
      const seen = log.filter(id => own.has(id));
      if (difference === undefined && seen.join() !== ids.join())
        fail('order', `${unit} key ${key} from ${source}: ${seen.join(' ')} instead of ${ids.join(' ')}`);
    }
  }
}

async function checkDeadLetters({ streams }: MemoryAdapters, { unit, doomed }: UnitView, input: CheckInput, fail: Fail): Promise<void> {
  const letters = (await readTopic(streams, deadLetterTopicOf(unit))).filter(record => record.visible).map(record => eventOf(record).id);
  const difference = differenceOf(
    doomed.map(({ event }) => event.id),
    mayRepeat(input) ? [...new Set(letters)] : letters,
  );
  if (difference !== undefined) fail('dead letters', `${unit}: ${difference}`);
}

/** Emits agree with the state that was committed with them, and come in the order of their key. */
async function checkEmits({ streams }: MemoryAdapters, { handled, logs }: UnitView, input: CheckInput, fail: Fail): Promise<void> {
  const mid = (await readTopic(streams, topics.mid)).filter(record => record.visible);
  const starts = (await readTopic(streams, inboxTopicOf(units.tail))).filter(record => record.visible).map(payloadOf);
  const wanted = handled.flatMap(({ event }) => {
    const n = (logs.get(event.key ?? noKey) ?? []).indexOf(event.id) + 1;
    return Array.from({ length: event.emits }, (_, i) => `${event.id}#${i}@${n}`);
  });
  const wantedStarts = handled.filter(({ event }) => event.start).map(({ event }) => `${event.id}#start`);
  const shown = mid.map(payloadOf).map(({ id, n }) => `${id}@${n}`);
  if (mayRepeat(input)) {
    const missing = wanted.filter(one => !shown.includes(one));
    if (missing.length > 0) fail('emits', `missing after a rollback: ${missing.join(' ')}`);
    const missingStarts = wantedStarts.filter(id => !starts.some(start => start.id === id));
    if (missingStarts.length > 0) fail('starts', `missing after a rollback: ${missingStarts.join(' ')}`);
    return;
  }
  const difference = differenceOf(wanted, shown);
  if (difference !== undefined) fail('emits', difference);
  const startsDifference = differenceOf(
    wantedStarts,
    starts.map(({ id }) => String(id)),
  );
  if (startsDifference !== undefined) fail('starts', startsDifference);
  checkEmitOrder(mid, handled, fail);
}

/** Emits of one key and one source to one partition are in the order of their causes, as the log has it. */
function checkEmitOrder(mid: readonly VisibleRecord[], handled: readonly Expected[], fail: Fail): void {
  const causes = new Map(handled.filter(({ event, ordered }) => ordered && event.key !== null).map(one => [one.event.id, one]));
  const last = new Map<string, Expected>();
  for (const record of mid) {
    const one = causes.get(String(payloadOf(record).cause));
    if (one === undefined) continue;
    const source = `${one.topic}.${one.partition} ${one.event.key} in ${record.partition}`;
    const before = last.get(source);
    if (before !== undefined && one.offset < before.offset) fail('emit order', `${source}: ${one.event.id} after ${before.event.id}`);
    last.set(source, one);
  }
}

async function checkTotal({ state }: MemoryAdapters, { handled }: UnitView, fail: Fail): Promise<void> {
  const wanted = handled.filter(({ event }) => event.total && !event.relay).length;
  const [stored] = await state.read(units.count, [totalKey]);
  const total = stored?.value === undefined ? 0 : Number(decoder.decode(stored.value));
  if (total !== wanted) fail('counter', `total is ${total} instead of ${wanted}`);
}

async function checkBank({ streams, state }: MemoryAdapters, { handled }: UnitView, input: CheckInput, fail: Fail): Promise<void> {
  const accounts = new Map<string, AccountState>();
  for (const { key, value } of await state.list(units.bank, { limit: 1_000 }))
    accounts.set(key, asAccount(JSON.parse(decoder.decode(value))));
  const sum = [...accounts.values()].reduce((all, { balance }) => all + balance, 0);
  if (sum !== accounts.size * openingBalance) fail('bank', `${accounts.size} accounts hold ${sum}`);
  for (const [name, { balance }] of accounts) if (balance < 0) fail('bank', `${name} has ${balance}`);
  const ledger = (await readTopic(streams, topics.ledger)).filter(record => record.visible).map(payloadOf);
  const ids = ledger.map(({ id }) => String(id));
  const difference = differenceOf(
    handled.map(({ event }) => event.id),
    mayRepeat(input) ? [...new Set(ids)] : ids,
  );
  if (difference !== undefined) fail('ledger', difference);
  if (mayRepeat(input)) return;
  for (const [name, { balance, sent }] of accounts) {
    const moved = ledger.reduce(
      (all, { from, to, amount }) => all + (to === name ? Number(amount) : 0) - (from === name ? Number(amount) : 0),
      0,
    );
    if (openingBalance + moved !== balance) fail('ledger', `${name} has ${balance}, the ledger says ${openingBalance + moved}`);
    const numbered = ledger.filter(({ from }) => from === name).map(({ id, n }) => `${id}@${n}`);
    const numbers = differenceOf(
      sent.map((id, index) => `${id}@${index + 1}`),
      numbered,
    );
    if (numbers !== undefined) fail('ledger', `${name}: ${numbers}`);
  }
}

/** In the end the broker knows how far the function has come, and nothing else. */
async function checkOffsets({ streams, state }: MemoryAdapters, unit: string, { mode, modeName }: CheckInput, fail: Fail): Promise<void> {
  const progress = new Map((await state.progress(unit)).map(one => [one.source, one.frontier]));
  for (const topic of inputsOf[unit] ?? []) {
    const committed = new Map((await streams.committed(groupOf(unit), topic)).map(one => [one.partition, one.offset]));
    for (const { partition } of await streams.bounds(topic)) {
      const [offset, frontier] = [committed.get(partition) ?? 0, progress.get(`${topic}.${partition}`) ?? 0];
      if (offset > frontier) fail('broker offset', `${unit} ${topic}.${partition}: ${offset} above the frontier ${frontier}`);
      // A command that was late may set an older offset after a newer one; nobody minds, because progress lives with the state.
      if (offset < frontier && modeName !== 'never-ending' && mode.link.late === 0)
        fail('broker offset', `${unit} ${topic}.${partition}: stays at ${offset}, the frontier is ${frontier}`);
    }
  }
}

/** No poison event crashes pods for ever, and none is given up before it has done so alone as often as it may. */
function checkCrashes({ events, plan, executions, observer, mode }: CheckInput, fail: Fail): void {
  // Where pods end and connections break by chance, the dispatcher cannot know what an event did by itself.
  const isClear = mode.pods.cut === 0 && !('crash-pod' in mode.blows);
  for (const [id, crashes] of executions.crashes) {
    const { act } = events.get(id) ?? { act: { kind: 'ok' } };
    if (act.kind === 'ails') continue;
    if (act.kind !== 'poison') fail('crashes', `${id} is innocent`);
    // Once beside others, and once more where an earlier event of its lane has to run again, then alone; a process that dies forgets at most the
    // crash that it had not written yet.
    const most = plan.maxCrashes + 2 + observer.disturbances;
    if (crashes > most) fail('crashes', `${id} crashed ${crashes} times, at most ${most} are allowed`);
    const alone = executions.loneCrashes.get(id) ?? 0;
    if (isClear && alone < plan.maxCrashes) fail('given up early', `${id} crashed only ${alone} times alone`);
  }
  for (const [id, failures] of executions.failures) {
    const { act } = events.get(id) ?? { act: { kind: 'ok' } };
    if (act.kind !== 'throw' && act.kind !== 'hang') continue;
    if (plan.onExhausted === 'dlq' && act.until >= plan.attempts && failures < plan.attempts)
      fail('given up early', `${id} failed only ${failures} times`);
  }
}

function payloadOf(record: VisibleRecord): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(decoder.decode(record.value ?? undefined));
  return isRecord(value) ? value : {};
}

/** As multisets; undefined when they are equal. */
function differenceOf(wanted: readonly string[], seen: readonly string[]): string | undefined {
  const balance = new Map<string, number>();
  for (const one of wanted) balance.set(one, (balance.get(one) ?? 0) - 1);
  for (const one of seen) balance.set(one, (balance.get(one) ?? 0) + 1);
  const missing = [...balance].filter(([, count]) => count < 0).map(([one]) => one);
  const surplus = [...balance].filter(([, count]) => count > 0).map(([one, count]) => (count > 1 ? `${one}(${count}x)` : one));
  if (missing.length + surplus.length === 0) return undefined;
  return [missing.length > 0 ? `missing ${missing.join(' ')}` : '', surplus.length > 0 ? `too many ${surplus.join(' ')}` : '']
    .filter(Boolean)
    .join(', ');
}
