import errors from 'kafkajs/src/protocol/error.js';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../telemetry/log.ts';
import { madeAgain } from '../made-again.ts';
import { type Asked, FetchLane, type Want } from './fetch-lane.ts';
import { type FetchedPart, type FetchPart, keyOf } from './fetch-request.ts';
import { brokerCodes, typeOf } from './kafka-error.ts';
import type { Topology } from './topology.ts';

/** What is asked for first waits this long at the broker: so much later others can join the next request. */
const quickWaitMs = 10;
/** What had nothing there is asked for together, and waits this long. */
const idleWaitMs = 1_000;
const pauseMs = { min: 20, max: 1_000 };
/** A long request is not sent again at once: it costs in proportion to what it asks for. */
const restFactor = 9;

/** One request to a node at a time, on a connection of its own; resolves after `waitMs` at the latest when there is nothing. What has nothing may be left out. */
export type Fetch = (node: number, parts: readonly FetchPart[], waitMs: number) => Promise<readonly FetchedPart[]>;

export interface FetchLanesOptions {
  readonly topology: Pick<Topology, 'leaderOf' | 'topicIdOf' | 'load' | 'forget'>;
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

  add(want: Want): void {
    this.#place(want);
  }

  /** It is not answered any more. */
  remove(want: Want): void {
    this.#gone.add(want);
    this.#homeless.delete(want);
    for (const lanes of this.#nodes.values()) {
      lanes.quick.delete(want);
      lanes.idle.delete(want);
      lanes.late.delete(want);
    }
  }

  /** Asks for nothing more. */
  close(): void {
    this.#closed = true;
  }

  #place(want: Want): void {
    if (this.#closed || this.#gone.has(want)) return;
    const refusal = madeAgain(want.topic, want.topicId, this.#topology.topicIdOf(want.topic));
    if (refusal !== undefined) {
      want.by.failed(refusal);
      return;
    }
    const leader = this.#topology.leaderOf(want.topic, want.partition);
    if (leader === undefined) {
      this.#homeless.add(want);
      void this.#search();
      return;
    }
    let lanes = this.#nodes.get(leader);
    if (lanes === undefined) {
      lanes = { quick: new FetchLane(), idle: new FetchLane(), late: new Set(), isQuickBusy: false, isIdleBusy: false };
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
      const { byPartition } = await this.#fetch(node, lanes.quick, this.#quick, quickWaitMs);
      // While the idle request is on its way they cannot join it, and are asked for here again.
      for (const group of byPartition.values()) for (const want of group) if (lanes.quick.has(want)) lanes.late.add(want);
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

  /** One request. What failed is placed anew. Answers those who were asked for: for whom there was something has left the lane. */
  async #fetch(node: number, lane: FetchLane, fetch: Fetch, waitMs: number): Promise<Asked> {
    const asked = lane.asked();
    const cutOff: Want[] = [];
    try {
      for (const part of await fetch(node, asked.parts, waitMs)) {
        for (const want of asked.byPartition.get(keyOf(part.topic, part.partition)) ?? []) {
          if (lane.has(want) && !this.#answer(lane, want, part) && part.cutOff) cutOff.push(want);
        }
      }
      lane.moveLast(asked);
      for (const want of cutOff) lane.setFirst(want);
    } catch (error) {
      if (!this.#closed) this.#log.debug('fetch failed', { node, error: String(error) });
      await this.#clock.sleep(pauseMs.min);
      for (const want of asked.wants) if (lane.delete(want)) this.#lost(want);
    }
    return asked;
  }

  /** False: there was nothing. */
  #answer(lane: FetchLane, want: Want, part: FetchedPart): boolean {
    if (part.errorCode !== 0) {
      lane.delete(want);
      const error = errors.createErrorFromCode(part.errorCode);
      if (otherTopic.has(part.errorCode) || moved.has(typeOf(error) ?? '')) this.#lost(want);
      else want.by.failed(error);
      return true;
    }
    if (part.nextOffset === undefined || part.nextOffset <= want.offset) return false;
    lane.delete(want);
    want.by.done(part);
    return true;
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
  readonly quick: FetchLane;
  readonly idle: FetchLane;
  /** Of the quick ones: those that join the next idle request. */
  readonly late: Set<Want>;
  isQuickBusy: boolean;
  isIdleBusy: boolean;
}

/** About what a request and its answer cost here. */
const partsPerMs = 500;

/** The broker does not know the topic by its id yet, or not any more. */
const otherTopic: ReadonlySet<number> = new Set([brokerCodes.unknownTopicId, brokerCodes.inconsistentTopicId]);

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
