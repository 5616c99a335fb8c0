import { setMaxListeners } from 'node:events';
import type { Clock } from '../clock.ts';
import { FaasError } from '../errors.ts';
import type { CommittedOffset, FetchOptions, GroupMember, JoinOptions, ReadLimit, ReadResult, TopicPartition } from '../ports/streams.ts';
import { madeAgain } from './made-again.ts';

/** What a log in this process offers to its groups. */
export interface LocalLog {
  /** undefined: there is no such topic (yet). */
  partitionsOf(topic: string): number | undefined;
  /** undefined: there is no such topic. */
  topicIdOf(topic: string): string | undefined;
  /** The end of the partition as far as appends were acknowledged; 0 where there is none. Asked for every idle fetch, so it must cost nothing. */
  endOffset(at: TopicPartition): number;
  read(at: TopicPartition, fromOffset: number, limit: ReadLimit): Promise<ReadResult>;
  committedOffset(group: string, at: TopicPartition): Promise<CommittedOffset | undefined>;
  commitOffset(group: string, at: TopicPartition, offset: number, metadata: string): Promise<void>;
}

/**
 * Consumer groups whose members all live in this process: assignment, fencing and waiting fetches, for logs that only one process uses.
 * Assignments change in a turn of the clock of their own, so that several joins are one rebalance and `join` resolves before the first callback.
 * A waiting fetch costs a map entry and one timer; nothing polls.
 */
export class LocalGroups {
  readonly #clock: Clock;
  readonly #log: LocalLog;
  readonly #groups = new Map<string, Set<LocalMember>>();
  readonly #waiting = new Map<string, Set<() => void>>();
  #cancelRebalance: (() => void) | undefined;

  constructor(clock: Clock, log: LocalLog) {
    this.#clock = clock;
    this.#log = log;
  }

  join(options: JoinOptions): GroupMember {
    const members = this.#groups.get(options.group) ?? new Set();
    this.#groups.set(options.group, members);
    const member = new LocalMember(options);
    members.add(member);
    this.rebalanceSoon();
    return {
      fetch: (at, fromOffset, fetchOptions) => this.#fetch(member, at, fromOffset, fetchOptions),
      isAssigned: async at => member.assigned.has(keyOf(at)),
      committed: at => this.#log.committedOffset(options.group, at),
      commit: async (at, offset, metadata) => {
        if (!member.assigned.has(keyOf(at))) return 'fenced';
        if (offset > this.#log.endOffset(at)) throw beyondEnd(at, offset);
        await this.#log.commitOffset(options.group, at, offset, metadata);
        return 'ok';
      },
      leave: async () => this.#leave(member),
    };
  }

  /** Throws FAAS_GROUP_HAS_MEMBERS: its offsets are changed by its members alone. */
  refuseMembers(group: string): void {
    const members = this.#groups.get(group)?.size ?? 0;
    if (members === 0) return;
    throw new FaasError(
      'FAAS_GROUP_HAS_MEMBERS',
      `consumer group ${group} has ${members} members`,
      'Stop the function that reads with this group, then try again.',
    );
  }

  /** To be called after each acknowledged append. */
  appended(at: TopicPartition): void {
    const key = keyOf(at);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    this.#waiting.delete(key);
    for (const wake of waiting) wake();
  }

  /** To be called when topics came or went. */
  rebalanceSoon(): void {
    this.#cancelRebalance ??= this.#clock.after(0, () => {
      this.#cancelRebalance = undefined;
      for (const members of this.#groups.values()) this.#rebalance([...members]);
    });
  }

  /** The log is gone for good: tells all members. */
  lose(error: Error): void {
    const members = [...this.#groups.values()].flatMap(group => [...group]);
    this.close();
    for (const member of members) member.options.onLost(error);
  }

  /** Ends all waiting; members keep nothing. */
  close(): void {
    this.#cancelRebalance?.();
    for (const group of this.#groups.values()) for (const member of group) member.assigned.clear();
    this.#groups.clear();
    for (const waiting of this.#waiting.values()) for (const wake of waiting) wake();
    this.#waiting.clear();
  }

  #leave(member: LocalMember): void {
    const members = this.#groups.get(member.options.group);
    if (members?.delete(member) !== true) return;
    if (members.size === 0) this.#groups.delete(member.options.group);
    this.#revoke(member, new Map());
    this.rebalanceSoon();
  }

  /** All revocations come before the first assignment, so that a partition never has two owners. */
  #rebalance(members: readonly LocalMember[]): void {
    const wanted = new Map(members.map(member => [member, new Map<string, TopicPartition>()]));
    for (const topic of new Set(members.flatMap(member => member.options.topics))) {
      const readers = members.filter(member => member.options.topics.includes(topic));
      for (let partition = 0; partition < (this.#log.partitionsOf(topic) ?? 0); partition += 1) {
        const reader = readers[partition % readers.length];
        if (reader !== undefined) wanted.get(reader)?.set(keyOf({ topic, partition }), { topic, partition });
      }
    }
    for (const [member, next] of wanted) this.#revoke(member, next);
    for (const [member, next] of wanted) {
      const added = [...next].filter(([key]) => !member.assigned.has(key));
      for (const [key, at] of added) member.assigned.set(key, at);
      if (added.length > 0) member.options.onAssigned(added.map(([, at]) => at));
    }
  }

  #revoke(member: LocalMember, next: ReadonlyMap<string, TopicPartition>): void {
    const gone = [...member.assigned].filter(([key]) => !next.has(key));
    for (const [key] of gone) member.assigned.delete(key);
    if (gone.length === 0) return;
    member.options.onRevoked(gone.map(([, at]) => at));
    for (const [, at] of gone) this.appended(at);
  }

  async #fetch(member: LocalMember, at: TopicPartition, fromOffset: number, options: FetchOptions): Promise<ReadResult> {
    const nothing: ReadResult = { records: [], nextOffset: fromOffset };
    const key = keyOf(at);
    const deadlineMs = this.#clock.now() + options.waitMs;
    while (member.assigned.has(key) && !options.signal.aborted) {
      const refusal = madeAgain(at.topic, options.topicId, this.#log.topicIdOf(at.topic));
      if (refusal !== undefined) throw refusal;
      const endOffset = this.#log.endOffset(at);
      if (fromOffset < endOffset) {
        const result = await this.#log.read(at, fromOffset, options);
        if (!member.assigned.has(key)) return nothing;
        if (result.nextOffset > fromOffset) return result;
        // Meanwhile it may have been aborted, or more appended: look again before waiting for the next sign of either.
        if (options.signal.aborted || this.#log.endOffset(at) !== endOffset) continue;
      }
      const leftMs = deadlineMs - this.#clock.now();
      if (leftMs <= 0) return nothing;
      await this.#appendOr(key, leftMs, options.signal);
    }
    return nothing;
  }

  #appendOr(key: string, waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const waiting = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, waiting);
      const wake = () => {
        cancelTimer();
        signal.removeEventListener('abort', wake);
        waiting.delete(wake);
        if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
        resolve();
      };
      const cancelTimer = this.#clock.after(waitMs, wake);
      // One signal ends all fetches of a session, and there may be many.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', wake, { once: true });
      waiting.add(wake);
    });
  }
}

class LocalMember {
  readonly options: JoinOptions;
  readonly assigned = new Map<string, TopicPartition>();

  constructor(options: JoinOptions) {
    this.options = options;
  }
}

function keyOf(at: TopicPartition): string {
  return `${at.partition}.${at.topic}`;
}

function beyondEnd({ topic, partition }: TopicPartition, offset: number): FaasError {
  return new FaasError(
    'FAAS_STREAM_UNKNOWN_TOPIC',
    `commit the offset ${offset} of ${topic}/${partition}: it ends before that`,
    'It is read again from where the new topic begins.',
  );
}
