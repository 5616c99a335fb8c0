import type { Claimed, CommitResult, Source, StateStore } from '../../controller/ports/state.ts';
import type { GroupMember, JoinOptions, Streams, TopicPartition } from '../../controller/ports/streams.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { ProcessLink } from './process-link.ts';

/** The stores as one process sees them: each command travels over its link, and may be delayed, overtaken or lost on the way. */
export interface FaultyPorts {
  readonly streams: Streams;
  readonly state: StateStore;
  /** The groups give up on this process: what it still believes to own goes to others. */
  expel(): void;
  /** An expelled process that lives hears of it, and joins again. */
  comeBack(): void;
}

export interface PortObserver {
  claimed(process: string, source: Source, claimed: Claimed): void;
  committed(process: string, source: Source, result: CommitResult, what: string): void;
  offsetCommitted(process: string, group: string, at: TopicPartition, offset: number): void;
}

export function faultyPorts(
  link: ProcessLink,
  real: { streams: Streams; state: StateStore },
  observer: PortObserver,
  random: SeededRandom,
): FaultyPorts {
  const members = new Set<FaultyMember>();
  return {
    streams: faultyStreams(link, real.streams, observer, members, random),
    state: faultyState(link, real.state, observer),
    expel() {
      for (const member of members) member.expel();
    },
    comeBack() {
      for (const member of members) member.comeBack();
    },
  };
}

function faultyState(link: ProcessLink, real: StateStore, observer: PortObserver): StateStore {
  const sent = <T>(name: string, apply: () => Promise<T>) => link.command(`state.${name}`, apply);
  return {
    capabilities: real.capabilities,
    claim: (source, claim) =>
      sent('claim', async () => {
        const claimed = await real.claim(source, claim);
        observer.claimed(link.name, source, claimed);
        return claimed;
      }),
    commit: (source, commit) =>
      sent('commit', async () => {
        const result = await real.commit(source, commit);
        observer.committed(link.name, source, result, `#${commit.ordinal} done ${JSON.stringify(commit.done)} m ${commit.highSeqOffset}`);
        return result;
      }),
    recordAttempts: (source, ownerToken, attempts) => sent('recordAttempts', () => real.recordAttempts(source, ownerToken, attempts)),
    trim: (source, ownerToken, upTo) => sent('trim', () => real.trim(source, ownerToken, upTo)),
    verify: (source, ownerToken, ordinal) => sent('verify', () => real.verify(source, ownerToken, ordinal)),
    read: (unit, keys) => sent('read', () => real.read(unit, keys)),
    known: (unit, ids) => sent('known', () => real.known(unit, ids)),
    list: (unit, page) => sent('list', () => real.list(unit, page)),
    figures: unit => sent('figures', () => real.figures(unit)),
    progress: unit => sent('progress', () => real.progress(unit)),
    resetProgress: (...given) => sent('resetProgress', () => real.resetProgress(...given)),
    parked: unit => sent('parked', () => real.parked(unit)),
    parkedEvents: (...given) => sent('parkedEvents', () => real.parkedEvents(...given)),
    replayParked: (...given) => sent('replayParked', () => real.replayParked(...given)),
    acceptRollback: (...given) => sent('acceptRollback', () => real.acceptRollback(...given)),
    deleteUnit: unit => sent('deleteUnit', () => real.deleteUnit(unit)),
    expire: (nowMs, bytesMax) => sent('expire', () => real.expire(nowMs, bytesMax)),
    close: async () => {},
  };
}

function faultyStreams(
  link: ProcessLink,
  real: Streams,
  observer: PortObserver,
  members: Set<FaultyMember>,
  random: SeededRandom,
): Streams {
  const sent = <T>(name: string, apply: () => Promise<T>) => link.command(`streams.${name}`, apply);
  return {
    capabilities: { ...real.capabilities, shared: true },
    ensureTopic: (topic, options) => sent('ensureTopic', () => real.ensureTopic(topic, options)),
    describeTopic: topic => sent('describeTopic', () => real.describeTopic(topic)),
    topicId: topic => sent('topicId', () => real.topicId(topic)),
    listTopics: () => sent('listTopics', () => real.listTopics()),
    deleteTopic: topic => sent('deleteTopic', () => real.deleteTopic(topic)),
    append: (topic, records) => sent('append', () => real.append(topic, records)),
    bounds: topic => sent('bounds', () => real.bounds(topic)),
    ends: topics => sent('ends', () => real.ends(topics)),
    offsetsAt: (topic, timeMs) => sent('offsetsAt', () => real.offsetsAt(topic, timeMs)),
    read: (topic, partition, fromOffset, limit) => sent('read', () => real.read(topic, partition, fromOffset, limit)),
    join: async options => {
      const member = new FaultyMember(link, real, options, observer, random);
      members.add(member);
      // A member that joined without knowing it would be given up by the group; that is what `zombie` plays.
      await link.command('streams.join', () => member.enter(), false);
      return member;
    },
    committed: (group, topic) => sent('committed', () => real.committed(group, topic)),
    setCommitted: (group, topic, offsets, mode) => sent('setCommitted', () => real.setCommitted(group, topic, offsets, mode)),
    deleteGroup: group => sent('deleteGroup', () => real.deleteGroup(group)),
    expire: nowMs => sent('expire', () => real.expire(nowMs)),
    close: async () => {},
  };
}

/** A member that may be thrown out without knowing it, and comes back as a new one. */
class FaultyMember implements GroupMember {
  readonly #link: ProcessLink;
  readonly #real: Streams;
  readonly #options: JoinOptions;
  readonly #observer: PortObserver;
  readonly #random: SeededRandom;
  #member: GroupMember | undefined;
  /** What the process was told that it owns. */
  #told: readonly TopicPartition[] = [];
  #out = false;
  #left = false;

  constructor(link: ProcessLink, real: Streams, options: JoinOptions, observer: PortObserver, random: SeededRandom) {
    this.#link = link;
    this.#real = real;
    this.#options = options;
    this.#observer = observer;
    this.#random = random;
  }

  async enter(): Promise<void> {
    // Only what the present membership says is passed on, in its order, and a little later than it happens.
    let current = true;
    let told = Promise.resolve();
    const tell = (callback: () => void) => {
      told = told
        .then(() => this.#link.command('group', async () => {}, false))
        .then(() => {
          if (current && !this.#left) callback();
        });
    };
    const member = await this.#real.join({
      group: this.#options.group,
      topics: this.#options.topics,
      onAssigned: assigned => tell(() => this.#assigned(assigned)),
      onRevoked: revoked => {
        if (this.#out) current = false;
        else tell(() => this.#revoked(revoked));
      },
      onLost: error => tell(() => this.#options.onLost(error)),
    });
    if (this.#left) await member.leave();
    else this.#member = member;
  }

  expel(): void {
    if (this.#out || this.#left || this.#member === undefined) return;
    this.#out = true;
    void this.#member.leave();
  }

  comeBack(): void {
    if (!this.#out || this.#left) return;
    if (this.#random.chance(0.3)) {
      this.#left = true;
      this.#options.onLost(new Error('the group gave up on this member'));
      return;
    }
    this.#revoked(this.#told);
    this.#out = false;
    void this.#link.command('streams.join', () => this.enter(), false);
  }

  fetch: GroupMember['fetch'] = (at, fromOffset, options) =>
    this.#link.command(
      'streams.fetch',
      async () => this.#member?.fetch(at, fromOffset, options) ?? { records: [], nextOffset: fromOffset },
    );

  isAssigned: GroupMember['isAssigned'] = at =>
    this.#link.command('streams.isAssigned', async () => (await this.#member?.isAssigned(at)) ?? false);

  committed: GroupMember['committed'] = at => this.#link.command('streams.committedOffset', async () => this.#member?.committed(at));

  commit: GroupMember['commit'] = (at, offset, metadata) =>
    this.#link.command('streams.commitOffset', async () => {
      const result = (await this.#member?.commit(at, offset, metadata)) ?? 'fenced';
      if (result === 'ok') this.#observer.offsetCommitted(this.#link.name, this.#options.group, at, offset);
      return result;
    });

  leave: GroupMember['leave'] = () =>
    this.#link.command(
      'streams.leave',
      async () => {
        this.#left = true;
        await this.#member?.leave();
      },
      false,
    );

  #assigned(assigned: readonly TopicPartition[]): void {
    this.#told = [...this.#told, ...assigned];
    this.#options.onAssigned(assigned);
  }

  #revoked(revoked: readonly TopicPartition[]): void {
    this.#told = this.#told.filter(at => !revoked.some(gone => gone.topic === at.topic && gone.partition === at.partition));
    if (revoked.length > 0) this.#options.onRevoked(revoked);
  }
}
