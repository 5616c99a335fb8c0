import type { MemoryStreams } from '../../controller/adapters/memory/memory-streams.ts';
import { inboxTopicOf } from '../../controller/functions/live-function.ts';
import { inboxRecord } from '../../controller/inbox/inbox-record.ts';
import { partitionOf } from '../../controller/ports/partition-of.ts';
import type { NewRecord, RecordHeader } from '../../controller/ports/streams.ts';
import { headerNames } from '../../runtime/protocol/headers.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';
import type { Workload } from './modes.ts';
import { type Act, type SimEvent, topics, units } from './workload.ts';

const utf8 = new TextEncoder();
const accounts = ['ann', 'bob', 'cid', 'dot'];

/** Everything that the world outside sends in one seed, at moments spread over `forMs`. Answers the events by id. */
export function produce(
  streams: MemoryStreams,
  clock: VirtualClock,
  random: SeededRandom,
  workload: Workload,
  forMs: number,
): ReadonlyMap<string, SimEvent> {
  const events = new Map<string, SimEvent>();
  const upstream = new Upstream(random);
  const inbox = inboxTopicOf(units.count);
  const sizeOf = (topic: string) => streams.partitionsOf(topic);
  // Spread evenly, or in a few bursts: only what comes together is batched, runs side by side and is committed in groups.
  const bursts = Array.from({ length: random.pick([0, 1, 4]) }, () => random.fraction() * forMs);
  const at = (what: () => void) => clock.after(bursts.length > 0 ? random.pick(bursts) : random.fraction() * forMs, what);
  // One event that never ends is a law for the others; as many as a pod runs at once would be a pod less.
  let endless = false;
  const keep = (made: SimEvent) => {
    const event: SimEvent = endless && made.act.kind === 'never' ? { ...made, act: { kind: 'ok' } } : made;
    endless ||= event.act.kind === 'never';
    events.set(event.id, event);
    return event;
  };
  for (let i = 0; i < workload.events; i += 1) {
    const event = keep(plainEvent(`e${i}`, random, workload));
    at(() => {
      const record = recordOf(event, sizeOf(topics.input));
      const sent = workload.upstreamRepeats === undefined ? [record] : upstream.send(record, workload.upstreamRepeats);
      streams.appendNow(topics.input, sent);
      if (random.chance(workload.holes)) streams.skipOffsets({ topic: topics.input, partition: record.partition }, 1 + random.whole(3));
    });
  }
  for (let i = 0; i < workload.transfers; i += 1) {
    const transfer = { to: random.pick(accounts), amount: 1 + random.whole(60) };
    const event = keep({
      ...plainEvent(`t${i}`, random, { ...workload, unkeyed: 0, starts: 0, relays: 0, totals: 0 }),
      key: random.pick(accounts),
      transfer,
    });
    at(() => void streams.appendNow(topics.transfers, [recordOf(event, sizeOf(topics.transfers))]));
  }
  for (let i = 0; i < workload.inbox; i += 1) {
    const event = keep(plainEvent(`w${i}`, random, workload));
    const repeats = random.chance(workload.inboxRepeats) ? 1 + random.whole(2) : 0;
    for (let copy = 0; copy <= repeats; copy += 1) at(() => void streams.appendNow(inbox, [inboxRecordOf(event, sizeOf(inbox))]));
  }
  return events;
}

export function plainEvent(id: string, random: SeededRandom, workload: Workload): SimEvent {
  return {
    id,
    key: random.chance(workload.unkeyed) ? null : `k${random.whole(workload.keys)}`,
    act: actOf(random, workload),
    emits: random.whole(workload.emitsMax + 1),
    start: random.chance(workload.starts),
    relay: random.chance(workload.relays),
    total: random.chance(workload.totals),
    transfer: undefined,
  };
}

/** It recovers within its attempts, or long after them: an end of its pod by chance makes the next attempt a later one as well. */
const lastFailures = [1, 2, 6, 6];

function actOf(random: SeededRandom, { acts }: Workload): Act {
  const [roll, until] = [random.fraction(), random.pick(lastFailures)];
  let sum = 0;
  for (const [kind, probability] of Object.entries(acts)) {
    sum += probability ?? 0;
    if (roll >= sum) continue;
    if (kind === 'slow') return { kind, forMs: random.between(50, 700) };
    if (kind === 'throw' || kind === 'hang') return { kind, until };
    if (kind === 'ails') return { kind, crash: until === 1 };
    if (kind === 'poison' || kind === 'refuse' || kind === 'never') return { kind };
  }
  return { kind: 'ok' };
}

export function payloadOf(event: SimEvent): Uint8Array {
  const { key: _, ...payload } = event;
  return utf8.encode(JSON.stringify(payload));
}

function recordOf(event: SimEvent, partitions: number): NewRecord {
  const key = event.key === null ? null : utf8.encode(event.key);
  const headers: RecordHeader[] = [[headerNames.id, utf8.encode(event.id)]];
  return { partition: partitionOf(key, event.id, partitions), key, value: payloadOf(event), headers };
}

function inboxRecordOf(event: SimEvent, partitions: number): NewRecord {
  return inboxRecord(
    {
      id: event.id,
      source: '/sim',
      type: 'sim',
      timeMs: 0,
      trigger: 'webhook',
      triggerName: 'hook',
      key: event.key,
      value: payloadOf(event),
      contentType: 'application/json',
      traceparent: '00-00000000000000000000000000000001-0000000000000001-01',
      hop: 0,
      causationId: undefined,
      correlationId: event.id,
      headers: [],
    },
    partitions,
  );
}

/** Two upstream names per partition, whose publishers repeat what they do not know to have arrived, and whose successors begin anew. */
class Upstream {
  readonly #random: SeededRandom;
  readonly #sent = new Map<string, NewRecord[]>();
  readonly #generations = new Map<string, { generation: number; counter: number }>();

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  send(record: NewRecord, repeats: number): readonly NewRecord[] {
    const name = `up.${record.partition}.${this.#random.whole(2)}`;
    const seq = this.#generations.get(name) ?? { generation: 1, counter: 0 };
    if (this.#random.chance(0.05)) Object.assign(seq, { generation: seq.generation + 1 + this.#random.whole(3), counter: 0 });
    seq.counter += 1;
    this.#generations.set(name, seq);
    const marked = { ...record, headers: [...record.headers, ...seqHeaders(name, `${seq.generation}.${seq.counter}`)] };
    const sent = this.#sent.get(name) ?? [];
    this.#sent.set(name, sent);
    sent.push(marked);
    // A repeated tail comes in its order, before or after the new record.
    if (!this.#random.chance(repeats)) return [marked];
    const tail = sent.slice(-1 - this.#random.whole(4));
    return this.#random.chance(0.5) ? [marked, ...tail] : [...tail.slice(0, -1), marked];
  }
}

function seqHeaders(stream: string, seq: string): RecordHeader[] {
  return [
    [headerNames.stream, utf8.encode(stream)],
    [headerNames.seq, utf8.encode(seq)],
  ];
}
