import { FaasError } from '../errors.ts';
import type { LiveFunction, Subscription } from '../functions/live-function.ts';
import type { GroupMember, TopicPartition } from '../ports/streams.ts';
import type { Breaker } from './breaker.ts';
import type { DispatcherOptions } from './dispatcher.ts';
import { type PartitionEvents, PartitionLoop } from './partition-loop.ts';
import { type SessionLimits, sessionLimits } from './session-state.ts';
import { StateCache } from './state-cache.ts';
import { loadTargets, type TopicSizes } from './topic-sizes.ts';
import { Troubles } from './troubles.ts';

const rejoinMs = 1_000;
/** A topic that is gone is looked for again. */
const goneEveryMs = 2_000;

/** One function's place in its consumer group: joins, keeps a loop per partition that it is given, and joins again when it is lost. */
export class Membership {
  readonly #options: DispatcherOptions;
  readonly #sizes: TopicSizes;
  readonly #events: PartitionEvents;
  readonly #breaker: Breaker;
  readonly #partitions = new Map<string, { readonly loop: PartitionLoop; readonly ended: Promise<void> }>();
  #loops: readonly PartitionLoop[] = [];
  /** Of all partitions: state belongs to the function. */
  readonly #cache = new StateCache();
  readonly #limits: SessionLimits;
  readonly #troubles: Troubles;
  /** Topics that may not be there, while they are looked for. */
  readonly #gone = new Set<string>();
  readonly #stop = new AbortController();
  #live: LiveFunction;
  /** Ends the current membership. */
  #over: (() => void) | undefined;

  constructor(options: DispatcherOptions, sizes: TopicSizes, events: PartitionEvents, breaker: Breaker, live: LiveFunction) {
    this.#options = options;
    this.#sizes = sizes;
    this.#events = events;
    this.#breaker = breaker;
    this.#live = live;
    this.#limits = sessionLimits(options);
    this.#troubles = new Troubles(options.conditions, live.unit);
  }

  get size(): number {
    return this.#partitions.size;
  }

  /** The same list until it is another one: it is asked for at each event, and each second. */
  get loops(): readonly PartitionLoop[] {
    return this.#loops;
  }

  /** A new revision keeps the sessions unless its topics changed. */
  update(live: LiveFunction): void {
    const before = topicsOf(this.#live);
    this.#live = live;
    if (before !== topicsOf(live)) this.#over?.();
    for (const loop of this.loops) {
      const subscription = this.#subscription(loop.at.topic);
      if (subscription !== undefined) loop.update(live, subscription);
    }
  }

  /** Resolves after `stop`, when the group is left. */
  async run(): Promise<void> {
    const { clock, log, streams } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        await loadTargets(this.#sizes, streams, this.#live);
        await this.#belong();
      } catch (error) {
        log.warn('joining the group failed', { unit: this.#live.unit, error: String(error) });
        this.#troubles.met('group', error);
        await clock.sleep(rejoinMs, this.#stop.signal);
      }
    }
  }

  stop(): void {
    this.#stop.abort();
    this.#over?.();
  }

  /** One membership, until it is lost, its topics change or the function stops. */
  async #belong(): Promise<void> {
    const { streams, log, clock } = this.#options;
    let isLost = false;
    const over = new Promise<void>(resolve => {
      this.#over = resolve;
    });
    let member: GroupMember | undefined;
    const early: TopicPartition[] = [];
    if (this.#stop.signal.aborted) return;
    member = await streams.join({
      group: this.#live.group,
      topics: this.#live.subscriptions.map(({ topic }) => topic),
      onAssigned: assigned => {
        if (member === undefined) early.push(...assigned);
        else this.#assigned(member, assigned);
      },
      onRevoked: revoked => this.#revoked(revoked),
      onLost: error => {
        isLost = true;
        log.warn('group membership lost', { unit: this.#live.unit, error: String(error) });
        this.#troubles.met('group', error);
        this.#over?.();
      },
      onAway: error => this.#troubles.met('group', error),
      onBack: () => this.#troubles.over('group'),
    });
    this.#troubles.over('group');
    this.#assigned(member, early);
    this.#lookFor(this.#live.subscriptions.map(({ topic }) => topic));
    await over;
    await this.#leave(member);
    if (isLost) await clock.sleep(rejoinMs, this.#stop.signal);
  }

  async #leave(member: GroupMember): Promise<void> {
    const left = [...this.#partitions.values()];
    for (const { loop } of left) loop.abort();
    await Promise.all(left.map(({ ended }) => ended));
    this.#partitions.clear();
    this.#listLoops();
    this.#troubles.overAll('');
    await member
      .leave()
      .catch(error => this.#options.log.warn('leaving the group failed', { unit: this.#live.unit, error: String(error) }));
  }

  #assigned(member: GroupMember, assigned: readonly TopicPartition[]): void {
    for (const at of assigned) {
      const subscription = this.#subscription(at.topic);
      if (subscription === undefined || this.#stop.signal.aborted) continue;
      const key = `${at.topic}.${at.partition}`;
      const before = this.#partitions.get(key);
      before?.loop.abort();
      const loop = new PartitionLoop(
        {
          dispatcher: this.#options,
          member,
          at,
          limits: this.#limits,
          sizes: this.#sizes,
          events: this.#events,
          cache: this.#cache,
          breaker: this.#breaker,
          troubles: this.#troubles,
        },
        this.#live,
        subscription,
      );
      // The old session has let go before the new one claims.
      const ended = (before?.ended ?? Promise.resolve()).then(() => loop.run()).then(() => this.#forget(key, loop));
      this.#partitions.set(key, { loop, ended });
    }
    this.#listLoops();
  }

  #forget(key: string, loop: PartitionLoop): void {
    if (this.#partitions.get(key)?.loop === loop) this.#partitions.delete(key);
    this.#listLoops();
    this.#events.onChange();
  }

  #listLoops(): void {
    this.#loops = [...this.#partitions.values()].map(({ loop }) => loop);
  }

  #revoked(revoked: readonly TopicPartition[]): void {
    for (const at of revoked) this.#partitions.get(`${at.topic}.${at.partition}`)?.loop.abort();
    this.#lookFor(revoked.map(({ topic }) => topic));
  }

  /** Nobody reads what is not there, so that nothing fails: it has to be said. */
  #lookFor(topics: readonly string[]): void {
    for (const topic of new Set(topics)) {
      if (this.#gone.has(topic)) continue;
      this.#gone.add(topic);
      void this.#whileGone(topic).finally(() => this.#gone.delete(topic));
    }
  }

  async #whileGone(topic: string): Promise<void> {
    const { streams, clock } = this.#options;
    const place = `topic ${topic}`;
    const look = () =>
      streams.describeTopic(topic).then(
        info => (info === undefined ? 'gone' : 'there'),
        () => 'unknown' as const,
      );
    for (let found = await look(); found !== 'there' && !this.#stop.signal.aborted; found = await look()) {
      if (this.#subscription(topic) === undefined) break;
      if (found === 'gone') this.#troubles.met(place, missing(topic));
      await clock.sleep(goneEveryMs, this.#stop.signal);
    }
    this.#troubles.over(place);
  }

  #subscription(topic: string): Subscription | undefined {
    return this.#live.subscriptions.find(subscription => subscription.topic === topic);
  }
}

function missing(topic: string): FaasError {
  return new FaasError(
    'FAAS_STREAM_UNKNOWN_TOPIC',
    `read ${topic}: there is no such topic`,
    'Create it, or deploy the context that owns it.',
  );
}

function topicsOf(live: LiveFunction): string {
  return live.subscriptions.map(({ topic }) => topic).join('\n');
}
