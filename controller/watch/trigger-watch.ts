import type { Clock } from '../clock.ts';
import type { Conditions } from '../conditions/conditions.ts';
import { FaasError } from '../errors.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import { inboxRecord } from '../inbox/inbox-record.ts';
import type { ResourceTrigger } from '../manifest/spec.ts';
import { type ClusterObject, type ObjectChange, type ObjectFollower, type Objects, objectKey } from '../ports/objects.ts';
import type { Emit } from '../ports/state.ts';
import type { Random } from '../random.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { childTraceparent } from '../telemetry/trace.ts';
import { type Delivered, type DeliveryDecision, decideGone, decidePresent } from './decide-delivery.ts';
import { deliveredKey, triggerKey, writeDelivered } from './delivered-record.ts';
import type { DeliveredStore, DeliveredWrite } from './delivered-store.ts';
import { resourceEvent } from './resource-event.ts';
import type { TriggerPast } from './trigger-memory.ts';

export interface TriggerWatchOptions {
  readonly store: DeliveredStore;
  readonly objects: Objects;
  readonly streams: { describeTopic(topic: string): Promise<{ readonly partitions: number } | undefined> };
  readonly conditions: Pick<Conditions, 'raise' | 'clear'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly live: LiveFunction;
  readonly trigger: ResourceTrigger;
  readonly past: TriggerPast;
}

/** One commit has so much, and the one object that goes over it: the records of objects and the events of them. */
const commitBounds = { changes: 200, bytes: 2 ** 20 } as const;

type Look = { readonly key: string; decide(before: Delivered | undefined): DeliveryDecision };

/** One trigger of one function: what changes in the cluster, against what the function knows. */
export class TriggerWatch implements ObjectFollower {
  readonly #options: TriggerWatchOptions;
  readonly #known: Map<string, Delivered>;
  #live: LiveFunction;
  #trigger: ResourceTrigger;
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: TriggerWatchOptions) {
    this.#options = options;
    this.#known = options.past.delivered;
    this.#live = options.live;
    this.#trigger = options.trigger;
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    const { apiVersion, resourceKind: kind, namespace, selector } = this.#trigger;
    await this.#options.objects.follow({ apiVersion, kind, namespace, selector }, this, signal);
    this.#options.conditions.clear(this.#place);
  }

  /** A new revision of the function; false when it looks elsewhere, and this watch has to end. */
  changeTo(live: LiveFunction, trigger: ResourceTrigger): boolean {
    const before = this.#trigger;
    const isSame = (['apiVersion', 'resourceKind', 'namespace', 'selector'] as const).every(field => before[field] === trigger[field]);
    if (!isSame) return false;
    this.#live = live;
    this.#trigger = trigger;
    return true;
  }

  async changed(changes: readonly ObjectChange[]): Promise<void> {
    const trigger = this.#trigger;
    await this.#deliver(
      changes.map(({ kind, object }) => ({
        key: objectKey(object),
        decide: before => (kind === 'deleted' ? decideGone(before, object, trigger) : decidePresent(before, object, trigger)),
      })),
    );
  }

  /** What was delivered once and is not there any more went while nobody looked. */
  async listed(objects: readonly ClusterObject[]): Promise<void> {
    const there = new Set(objects.map(objectKey));
    const gone = [...this.#known.keys()].filter(key => !there.has(key));
    await this.#deliver(gone.map(key => ({ key, decide: before => decideGone(before, undefined, this.#trigger) })));
  }

  found(trouble: unknown): void {
    const { conditions } = this.#options;
    if (trouble === undefined) {
      conditions.clear(this.#place);
      return;
    }
    const reason = trouble instanceof FaasError ? trouble.code : 'WatchBroke';
    const hint = trouble instanceof FaasError && trouble.hint !== undefined ? `. ${trouble.hint}` : '';
    const message = `${trouble instanceof Error ? trouble.message : String(trouble)}${hint}`;
    conditions.raise({ ...this.#place, reason, message });
  }

  get #key(): string {
    return triggerKey(this.#live.unit, this.#trigger.name);
  }

  get #place() {
    return { unit: this.#live.unit, type: 'ResourceUnseen', place: this.#trigger.name } as const;
  }

  /** In order, a bounded part at a time. After a throw what was not written is told again, and decided again. */
  async #deliver(looks: readonly Look[]): Promise<void> {
    const topic = await this.#options.streams.describeTopic(this.#live.inboxTopic);
    if (topic === undefined) throw new Error(`there is no topic ${this.#live.inboxTopic}`);
    for (let from = 0; from < looks.length; )
      from += await this.#deliverSome(looks.slice(from, from + commitBounds.changes), topic.partitions);
  }

  /** Answers how many it has dealt with. */
  async #deliverSome(looks: readonly Look[], partitions: number): Promise<number> {
    const next = new Map<string, Delivered | null>();
    const writes = new Map<string, DeliveredWrite>();
    const emits: Emit[] = [];
    const counts = { added: 0, modified: 0, deleted: 0 };
    let [taken, bytes] = [0, 0];
    for (const { key, decide } of looks) {
      if (bytes > commitBounds.bytes) break;
      taken += 1;
      const before = next.has(key) ? (next.get(key) ?? undefined) : this.#known.get(key);
      const { deliveries, delivered } = decide(before);
      if (delivered !== undefined) {
        const write = writeOf(this.#key, key, delivered);
        bytes += write.value?.length ?? 0;
        next.set(key, delivered);
        writes.set(key, write);
      }
      for (const delivery of deliveries) {
        const emit = { topic: this.#live.inboxTopic, ...inboxRecord(resourceEvent(delivery, this.#facts()), partitions) };
        bytes += emit.value?.length ?? 0;
        counts[delivery.event] += 1;
        emits.push(emit);
      }
    }
    if (writes.size > 0) await this.#options.store.write([...writes.values()], emits, this.#signal);
    for (const [key, delivered] of next) {
      if (delivered === null) this.#known.delete(key);
      else this.#known.set(key, delivered);
    }
    for (const event of ['added', 'modified', 'deleted'] as const) {
      if (counts[event] > 0) this.#options.metrics.count('faas_resource_changes_total', { unit: this.#live.unit, event }, counts[event]);
    }
    return taken;
  }

  #facts() {
    const { clock, random, past } = this.#options;
    const { sinceMs } = past.record;
    return { live: this.#live, trigger: this.#trigger, sinceMs, nowMs: clock.now(), traceparent: childTraceparent(undefined, random) };
  }
}

function writeOf(trigger: string, object: string, delivered: Delivered | null): DeliveredWrite {
  return { key: deliveredKey(trigger, object), value: delivered === null ? null : writeDelivered(delivered) };
}
