import errors from 'kafkajs/src/protocol/error.js';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../telemetry/log.ts';
import { type FetchedPart, type FetchPart, keyOf } from './fetch-request.ts';
import { typeOf } from './kafka-error.ts';
import type { Topology } from './topology.ts';

/** Somebody waits for records of a partition from an offset on. */
export interface Want extends FetchPart {
  /** Something is there, or the offset has passed something. Others may be given the same records. */
  done(part: FetchedPart): void;
  /** It cannot be fetched: out of range, or a format that cannot be read. */
  failed(error: unknown): void;
}

/** What is asked for first waits this long at the broker: so much later others can join the next request. */
const quickWaitMs = 10;
/** What had nothing there is asked for together, and waits this long. */
const idleWaitMs = 1_000;
const pauseMs = { min: 20, max: 1_000 };
/** A long request is not sent again at once: it costs in proportion to what it asks for. */
const restFactor = 9;

/** One request to a node at a time, on a connection of its own; resolves after `waitMs` at the latest when there is nothing. */
export type Fetch = (node: number, parts: readonly FetchPart[], waitMs: number) => Promise<readonly FetchedPart[]>;

export interface FetchLanesOptions {
  readonly topology: Pick<Topology, 'leaderOf' | 'load' | 'forget'>;
  readonly quick: Fetch;
  readonly idle: Fetch;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Fetches for all functions of the process, two requests per node at a time, each on a connection of its own, because a broker answers the requests of
 * one connection in turn. The quick one takes new wants, and is answered within 10 ms; what had nothing there moves into the idle one as soon as that is answered, where it
 * waits for a second at a time and costs next to nothing. So a thousand idle partitions are one request per second, and a partition that wakes up is heard at once. Those who
 * want the same are asked for once.
 */
export class FetchLanes {
  readonly #topology: FetchLanesOptions['topology'];
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #quick: Fetch;
  readonly #idle: Fetch;
  readonly #nodes = new Map<number, NodeLanes>();
  /** Their leader is being looked up. */
  readonly #homeless = new Set<Want>();
  readonly #gone = new WeakSet<Want>();
  #searching = false;
  #closed = false;

  constructor({ topology, quick, idle, clock, log }: FetchLanesOptions) {
    this.#topology = topology;
    this.#clock = clock;
    this.#log = log;
    this.#quick = quick;
    this.#idle = idle;
  }

  /** The answer takes it back. */
  add(want: Want): () => void {
    this.#place(want);
    return () => {
      this.#gone.add(want);
      this.#homeless.delete(want);
      for (const lanes of this.#nodes.values()) {
        lanes.quick.delete(want);
        lanes.idle.delete(want);
        lanes.late.delete(want);
      }
    };
  }

  /** Asks for nothing more. */
  close(): void {
    this.#closed = true;
  }

  #place(want: Want): void {
    if (this.#closed || this.#gone.has(want)) return;
    const leader = this.#topology.leaderOf(want.topic, want.partition);
    if (leader === undefined) {
      this.#homeless.add(want);
      void this.#search();
      return;
    }
    let lanes = this.#nodes.get(leader);
    if (lanes === undefined) {
      lanes = { quick: new Set(), idle: new Set(), late: new Set(), isQuickBusy: false, isIdleBusy: false };
      this.#nodes.set(leader, lanes);
    }
    lanes.quick.add(want);
    if (!lanes.isQuickBusy) void this.#runQuick(leader, lanes);
  }

  /** Looks leaders up until all have one. */
  async #search(): Promise<void> {
    if (this.#searching) return;
    this.#searching = true;
    for (let delayMs = pauseMs.min; this.#homeless.size > 0 && !this.#closed; delayMs = Math.min(pauseMs.max, delayMs * 2)) {
      const wants = [...this.#homeless];
      try {
        await this.#topology.load([...new Set(wants.map(({ topic }) => topic))]);
      } catch (error) {
        this.#log.debug('leaders are not known', { error: String(error) });
      }
      for (const want of wants) {
        if (this.#topology.leaderOf(want.topic, want.partition) === undefined || !this.#homeless.delete(want)) continue;
        this.#place(want);
      }
      if (this.#homeless.size > 0) await this.#clock.sleep(delayMs);
    }
    this.#searching = false;
  }

  async #runQuick(node: number, lanes: NodeLanes): Promise<void> {
    lanes.isQuickBusy = true;
    // The wants of one turn go together.
    await new Promise(resolve => setImmediate(resolve));
    while (lanes.quick.size > 0 && !this.#closed) {
      const nothing = await this.#fetch(node, lanes.quick, this.#quick, quickWaitMs);
      // While the idle request is on its way they cannot join it, and are asked for here again.
      for (const want of nothing) lanes.late.add(want);
      if (!lanes.isIdleBusy) void this.#runIdle(node, lanes);
    }
    lanes.isQuickBusy = false;
  }

  async #runIdle(node: number, lanes: NodeLanes): Promise<void> {
    lanes.isIdleBusy = true;
    for (takeLate(lanes); lanes.idle.size > 0 && !this.#closed; takeLate(lanes)) {
      const startedMs = this.#clock.now();
      await this.#fetch(node, lanes.idle, this.#idle, idleWaitMs);
      const restMs = Math.min(idleWaitMs, (lanes.idle.size / partsPerMs) * restFactor);
      if (this.#clock.now() - startedMs < idleWaitMs / 2 && restMs >= 1) await this.#clock.sleep(restMs);
    }
    lanes.isIdleBusy = false;
  }

  /** One request; answers the wants for which there was nothing. What failed is placed anew. */
  async #fetch(node: number, lane: Set<Want>, fetch: Fetch, waitMs: number): Promise<readonly Want[]> {
    const wants = [...lane];
    const asked = askedOf(wants);
    const nothing: Want[] = [];
    try {
      const first = [...asked.values()].flatMap(([one]) => one ?? []);
      for (const part of await fetch(node, first, waitMs)) {
        for (const want of asked.get(keyOf(part.topic, part.partition)) ?? []) if (lane.has(want)) this.#answer(lane, want, part, nothing);
      }
    } catch (error) {
      if (!this.#closed) this.#log.debug('fetch failed', { node, error: String(error) });
      await this.#clock.sleep(pauseMs.min);
      for (const want of wants) if (lane.delete(want)) this.#lost(want);
    }
    return nothing;
  }

  #answer(lane: Set<Want>, want: Want, part: FetchedPart, nothing: Want[]): void {
    if (part.errorCode !== 0) {
      lane.delete(want);
      const error = errors.createErrorFromCode(part.errorCode);
      if (moved.has(typeOf(error) ?? '')) this.#lost(want);
      else want.failed(error);
    } else if (part.nextOffset !== undefined && part.nextOffset > want.offset) {
      lane.delete(want);
      want.done(part);
    } else {
      nothing.push(want);
      lane.delete(want);
      // First in the next request: only the first part is answered whatever its size. Else last: who wants the partition from another offset on is asked for before.
      if (part.cutOff) setFirst(lane, want);
      else lane.add(want);
    }
  }

  /** Its leader is somewhere else. */
  #lost(want: Want): void {
    if (this.#gone.has(want)) return;
    this.#topology.forget(want.topic);
    this.#homeless.add(want);
    void this.#search();
  }
}

interface NodeLanes {
  readonly quick: Set<Want>;
  readonly idle: Set<Want>;
  /** Of the quick ones: those that join the next idle request. */
  readonly late: Set<Want>;
  isQuickBusy: boolean;
  isIdleBusy: boolean;
}

/** About what a request and its answer cost here. */
const partsPerMs = 500;

const moved: ReadonlySet<string> = new Set([
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'REPLICA_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
]);

function takeLate({ quick, idle, late }: NodeLanes): void {
  for (const want of late) if (quick.delete(want)) idle.add(want);
  late.clear();
}

/** By partition, those who want the same; a request names a partition once, so that who wants it from another offset on is asked for in another one. */
function askedOf(wants: readonly Want[]): ReadonlyMap<string, readonly Want[]> {
  const asked = new Map<string, Want[]>();
  for (const want of wants) {
    const key = keyOf(want.topic, want.partition);
    const others = asked.get(key);
    if (others === undefined) asked.set(key, [want]);
    else if (others[0]?.offset === want.offset) others.push(want);
  }
  return asked;
}

function setFirst(lane: Set<Want>, first: Want): void {
  const others = [...lane];
  lane.clear();
  lane.add(first);
  for (const want of others) lane.add(want);
}
