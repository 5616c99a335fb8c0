import type { Clock } from '../../clock.ts';
import type { CommittedOffset, FetchOptions, GroupMember, JoinOptions, ReadResult, TopicPartition } from '../../ports/streams.ts';
import type { Log } from '../../telemetry/log.ts';
import { assignPartitions } from './assign-partitions.ts';
import { Brokers, type NodeAddresses } from './brokers.ts';
import type { ConnectionOptions } from './connection-options.ts';
import type { Coordinators } from './coordinators.ts';
import { keyOf } from './fetch-request.ts';
import { isPassing, kafkaError, named, silentBroker, typeOf } from './kafka-error.ts';
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription, protocolName } from './member-protocol.ts';
import type { OffsetCommits } from './offset-commits.ts';
import type { OffsetLookups } from './offset-lookups.ts';
import type { Pace } from './pace.ts';
import { PartitionReader, type ReaderOptions } from './partition-reader.ts';
import type { Topology } from './topology.ts';
import type { Turns } from './turns.ts';

export interface MemberOptions {
  readonly connection: ConnectionOptions;
  readonly addresses: NodeAddresses;
  readonly coordinators: Coordinators;
  /** Of all members in this process, to enter their groups. */
  readonly entries: Turns;
  /** Of the signs of life of all members in this process. */
  readonly pace: Pace;
  readonly offsets: OffsetLookups;
  readonly offsetCommits: OffsetCommits;
  readonly topology: Topology;
  readonly reader: ReaderOptions;
  readonly clock: Clock;
  readonly log: Log;
  /** Without a sign of life for so long the group gives the member's partitions away. */
  readonly sessionMs: number;
  readonly join: JoinOptions;
  onLeft(member: KafkaGroupMember): void;
}

interface Held {
  readonly at: TopicPartition;
  readonly reader: PartitionReader;
}

const requestMs = 2_000;
/** What a coordinator may take over the time that it is told to wait. */
const answerMs = 5_000;
/** A group that answers nothing for so long is away, for all that is known. */
const silentMs = 5_000;
const pauseMs = { min: 50, max: 1_000 };
/** One round is often followed by another: what a member let go of in the first is given to its next owner in the second, and waits as long as others do not ask. */
const settling = { forMs: 1_500, heartbeatMs: 100 };

/**
 * One member of a consumer group. Signs of life do not depend on reading: a slow function keeps its partitions. While the group shares anew, everybody
 * goes on with what they have, and lets go of what they lose before another one gets it.
 */
export class KafkaGroupMember implements GroupMember {
  readonly #options: MemberOptions;
  readonly #held = new Map<string, Held>();
  readonly #stop = new AbortController();
  #memberId = '';
  #generation = -1;
  #isLeader = false;
  /** Partitions of each topic at the last assignment. */
  #shared = new Map<string, number>();
  #wake: (() => void) | undefined;
  #rejoin = false;
  #entering = false;
  #together: Promise<void> | undefined;
  /** Those who wait for the next assignment. */
  readonly #waiting = new Set<() => void>();
  #running: Promise<void> = Promise.resolve();

  private constructor(options: MemberOptions) {
    this.#options = options;
  }

  /** Resolves when the group knows the member; what it gets is told in a later turn. */
  static async join(options: MemberOptions): Promise<KafkaGroupMember> {
    const member = new KafkaGroupMember(options);
    const assigned = await member.#enter().catch(error => {
      throw kafkaError(error, `join the group ${options.join.group}`);
    });
    member.#running = new Promise<void>(resolve => setImmediate(resolve)).then(() => member.#run(assigned));
    return member;
  }

  get group(): string {
    return this.#options.join.group;
  }

  get topics(): readonly string[] {
    return this.#options.join.topics;
  }

  /** Who may commit for the group in its name, also what the member does not read. */
  get credentials(): { readonly memberId: string; readonly groupGenerationId: number } {
    return { memberId: this.#memberId, groupGenerationId: this.#generation };
  }

  /** Looks whether topics came, grew or went since the last assignment. */
  checkTopics(): void {
    if (!this.#isLeader) return;
    const { topology } = this.#options;
    const changed = [...this.#shared].some(([topic, count]) => topology.partitionsOf(topic) !== count);
    if (changed) this.#rejoinSoon();
  }

  fetch({ topic, partition }: TopicPartition, fromOffset: number, options: FetchOptions): Promise<ReadResult> {
    const held = this.#held.get(keyOf(topic, partition));
    return held === undefined ? Promise.resolve({ records: [], nextOffset: fromOffset }) : held.reader.read(fromOffset, options);
  }

  /** While the group shares anew, what nobody has let go of has its owner. */
  async isAssigned({ topic, partition }: TopicPartition): Promise<boolean> {
    const key = keyOf(topic, partition);
    const held = this.#held.get(key);
    while (held !== undefined && this.#held.get(key) === held) {
      const generation = this.#generation;
      try {
        await this.#beatTogether();
        return this.#held.get(key) === held;
      } catch (error) {
        if (!isShared(error)) throw kafkaError(error, `ask the group ${this.group} for its members`);
        if (generation !== this.#generation) continue;
        if (typeOf(error) === 'UNKNOWN_MEMBER_ID') this.#expelled();
        await this.#nextEntry();
      }
    }
    return false;
  }

  async committed({ topic, partition }: TopicPartition): Promise<CommittedOffset | undefined> {
    const [found] = await this.#options.offsets.committed(this.group, topic, [partition]);
    return found;
  }

  /** Refused by the group when it has shared anew; then it depends on who has the partition now. */
  async commit({ topic, partition }: TopicPartition, offset: number, metadata: string): Promise<'ok' | 'fenced'> {
    const { offsetCommits } = this.#options;
    const key = keyOf(topic, partition);
    const held = this.#held.get(key);
    while (held !== undefined && this.#held.get(key) === held) {
      const { credentials } = this;
      try {
        await offsetCommits.commit(this.group, credentials, { topic, partition, offset, metadata });
        return 'ok';
      } catch (error) {
        if (!isShared(error)) throw kafkaError(error, `commit the offset of ${this.group} in ${topic}/${partition}`);
        if (credentials.groupGenerationId !== this.#generation) continue;
        if (typeOf(error) === 'UNKNOWN_MEMBER_ID') this.#expelled();
        await this.#nextEntry();
      }
    }
    return 'fenced';
  }

  async leave(): Promise<void> {
    if (this.#stop.signal.aborted) return this.#running;
    this.#stop.abort();
    this.#wake?.();
    this.#options.onLeft(this);
    this.#assign([]);
    const { coordinators, join } = this.#options;
    const memberId = this.#memberId;
    this.#memberId = '';
    await coordinators
      .ask(join.group, requestMs, broker => broker.leaveGroup({ groupId: join.group, memberId }))
      .catch(error => {
        // It is expelled when it gives no sign of life.
        this.#options.log.debug('leaving a group failed', { group: join.group, error: String(error) });
      });
    await this.#running;
    this.#entered();
  }

  async #run(first: readonly TopicPartition[]): Promise<void> {
    const { clock, sessionMs, pace: lifePace, join, log } = this.#options;
    let aliveAtMs = clock.now();
    let sharedAtMs = aliveAtMs;
    let pause = pauseMs.min;
    if (this.#stop.signal.aborted) return;
    this.#assign(first);
    while (!this.#stop.signal.aborted) {
      try {
        if (this.#rejoin) {
          this.#assign(await this.#enter());
          sharedAtMs = clock.now();
        } else await this.#beatOrSay();
        aliveAtMs = clock.now();
        join.onBack?.();
        pause = pauseMs.min;
        const isSettling = aliveAtMs - sharedAtMs < settling.forMs;
        if (!this.#rejoin) await (isSettling ? this.#sleep(Math.min(settling.heartbeatMs, lifePace.leastMs)) : this.#rest());
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (typeOf(error) === 'UNKNOWN_MEMBER_ID') this.#expelled();
        else if (!isShared(error) && !isPassing(error)) return this.#lose(error);
        this.#rejoin ||= isShared(error);
        if (isShared(error)) lifePace.shared(clock.now());
        // Others may have its partitions by now, and it would not hear of it.
        if (clock.now() - aliveAtMs > sessionMs) this.#expelled();
        if (!isShared(error)) {
          log.debug('group cannot be reached', { group: join.group, error: String(error) });
          this.#sayAway(error);
          await this.#sleep(pause);
          pause = Math.min(pauseMs.max, pause * 2);
        }
      }
    }
  }

  /** What is read from a broker that says nothing only waits: that it is away shows here. */
  async #beatOrSay(): Promise<void> {
    const silence = named(silentBroker, `no answer within ${silentMs} ms`);
    const cancel = this.#options.clock.after(silentMs, () => this.#sayAway(silence));
    await this.#beat().finally(cancel);
  }

  #sayAway(error: unknown): void {
    this.#options.join.onAway?.(kafkaError(error, `stay in the group ${this.group}`));
  }

  async #beat(): Promise<void> {
    const { coordinators, join } = this.#options;
    await coordinators.ask(join.group, requestMs, broker => broker.heartbeat({ groupId: join.group, ...this.credentials }));
  }

  /** All that ask in one turn share a sign of life: a member that has been given many partitions claims them at the same time. */
  #beatTogether(): Promise<void> {
    this.#together ??= new Promise<void>(resolve => setImmediate(resolve)).then(() => {
      this.#together = undefined;
      return this.#beat();
    });
    return this.#together;
  }

  /** One round of the group: answers what is ours now. On a connection of its own, because others would wait behind it for as long as it takes. */
  #enter(): Promise<readonly TopicPartition[]> {
    return this.#options.entries.take(() => this.#enterNow(), this.#stop.signal);
  }

  async #enterNow(): Promise<readonly TopicPartition[]> {
    const { connection, addresses, sessionMs } = this.#options;
    const brokers = new Brokers(connection, addresses);
    const cutOff = () => void brokers.close();
    this.#entering = true;
    this.#stop.signal.addEventListener('abort', cutOff, { once: true });
    try {
      for (const untilMs = this.#options.clock.now() + sessionMs + answerMs; ; ) {
        try {
          return await this.#round(brokers);
        } catch (error) {
          if (this.#stop.signal.aborted || this.#options.clock.now() > untilMs) throw error;
          if (typeOf(error) === 'UNKNOWN_MEMBER_ID') this.#expelled();
          else if (!isShared(error) && !isPassing(error)) throw kafkaError(error, `join the group ${this.group}`);
          this.#options.coordinators.forget(this.group);
          if (!isShared(error)) await this.#options.clock.sleep(pauseMs.min, this.#stop.signal);
        }
      }
    } finally {
      this.#stop.signal.removeEventListener('abort', cutOff);
      this.#entering = false;
      await brokers.close();
    }
  }

  async #round(brokers: Brokers): Promise<readonly TopicPartition[]> {
    const { coordinators, sessionMs, join } = this.#options;
    const { group: groupId } = join;
    const node = await coordinators.find(groupId);
    this.#rejoin = false;
    const owned = [...this.#held.values()].map(({ at }) => at);
    const metadata = encodeSubscription({ topics: join.topics, owned, generation: this.#generation });
    const joined = await brokers.ask(node, sessionMs + answerMs, broker =>
      broker.joinGroup({
        groupId,
        sessionTimeout: sessionMs,
        rebalanceTimeout: sessionMs,
        memberId: this.#memberId,
        groupProtocols: [{ name: protocolName, metadata }],
      }),
    );
    this.#memberId = joined.memberId;
    this.#generation = joined.generationId;
    this.#isLeader = joined.leaderId === joined.memberId;
    const groupAssignment = this.#isLeader ? await this.#share(joined.members) : [];
    const { memberAssignment } = await brokers.ask(node, sessionMs + answerMs, broker =>
      broker.syncGroup({ groupId, generationId: joined.generationId, memberId: joined.memberId, groupAssignment }),
    );
    return decodeAssignment(memberAssignment);
  }

  async #share(members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[]) {
    const { topology } = this.#options;
    const candidates = members.map(({ memberId, memberMetadata }) => decodeSubscription(memberId, memberMetadata));
    const topics = [...new Set(candidates.flatMap(one => one.topics))];
    await topology.load(topics);
    this.#shared = new Map(topics.map(topic => [topic, topology.partitionsOf(topic)]));
    const assigned = assignPartitions(candidates, topic => this.#shared.get(topic) ?? 0);
    return [...assigned].map(([memberId, places]) => ({ memberId, memberAssignment: encodeAssignment(places) }));
  }

  /** What is gone is let go before anything new is taken; who has let go joins again, so that another one can have it. */
  #assign(next: readonly TopicPartition[]): void {
    const wanted = new Set(next.map(({ topic, partition }) => keyOf(topic, partition)));
    const gone = [...this.#held].filter(([key]) => !wanted.has(key));
    for (const [key, { reader }] of gone) {
      this.#held.delete(key);
      reader.close();
    }
    const added = this.#stop.signal.aborted ? [] : next.filter(({ topic, partition }) => !this.#held.has(keyOf(topic, partition)));
    for (const at of added) this.#held.set(keyOf(at.topic, at.partition), { at, reader: new PartitionReader(this.#options.reader, at) });
    if (gone.length > 0) this.#options.join.onRevoked(gone.map(([, { at }]) => at));
    if (added.length > 0) this.#options.join.onAssigned(added);
    if (gone.length > 0 && !this.#stop.signal.aborted) this.#rejoin = true;
    this.#entered();
  }

  /** The group has forgotten the member: nothing is its own any more. */
  #expelled(): void {
    this.#memberId = '';
    this.#generation = -1;
    this.#isLeader = false;
    this.#assign([]);
    this.#rejoin = true;
  }

  #lose(error: unknown): void {
    this.#assign([]);
    this.#stop.abort();
    this.#options.onLeft(this);
    this.#options.join.onLost(kafkaError(error, `stay in the group ${this.group}`));
  }

  #rejoinSoon(): void {
    if (!this.#entering) this.#rejoin = true;
    this.#wake?.();
  }

  /** Resolves when it is known what is ours from now on. */
  #nextEntry(): Promise<void> {
    this.#rejoinSoon();
    return new Promise(resolve => this.#waiting.add(resolve));
  }

  #entered(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** Until the next sign of life, or until there is something else to do. */
  #rest(): Promise<void> {
    const isBusy = () => this.#rejoin || this.#stop.signal.aborted;
    return this.#options.pace.rest(this.#options.clock, {
      sleep: async ms => {
        if (!isBusy()) await this.#sleep(ms);
      },
      wake: () => this.#wake?.(),
    });
  }

  async #sleep(ms: number): Promise<void> {
    await new Promise<void>(resolve => {
      const cancel = this.#options.clock.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

/** The group is sharing, or has shared without us. */
function isShared(error: unknown): boolean {
  return shared.has(typeOf(error) ?? '');
}

const shared: ReadonlySet<string> = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID']);
