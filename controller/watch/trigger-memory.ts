import type { Clock } from '../clock.ts';
import type { ResourceTrigger } from '../manifest/spec.ts';
import type { Delivered } from './decide-delivery.ts';
import { deliveredKey, readDelivered, readTrigger, type TriggerRecord, writeTrigger } from './delivered-record.ts';
import type { DeliveredStore, DeliveredWrite } from './delivered-store.ts';

/** What is remembered of one trigger. */
export interface TriggerPast {
  readonly record: TriggerRecord;
  /** By object, as `objectKey` names it. Whoever watches for the trigger keeps it as the store is. */
  readonly delivered: Map<string, Delivered>;
}

type Kind = Pick<ResourceTrigger, 'apiVersion' | 'resourceKind'>;

/** Keys that one commit changes. */
const keysAtOnce = 500;

/** What is remembered of all triggers: read once, after a claim, because nobody else changes it from then on. */
export class TriggerMemory {
  readonly #store: DeliveredStore;
  readonly #pasts: Map<string, TriggerPast>;
  /** Keys of the store that belong to nothing. */
  #stale: readonly string[];

  private constructor(store: DeliveredStore, pasts: Map<string, TriggerPast>, stale: readonly string[]) {
    this.#store = store;
    this.#pasts = pasts;
    this.#stale = stale;
  }

  static async read(store: DeliveredStore): Promise<TriggerMemory> {
    const stored = await store.list('');
    const pasts = new Map<string, TriggerPast>();
    const stale: string[] = [];
    for (const [key, value] of stored) {
      const record = key.includes(' ') ? undefined : readTrigger(value);
      if (record !== undefined) pasts.set(key, { record, delivered: new Map() });
    }
    for (const [key, value] of stored) {
      if (pasts.has(key)) continue;
      const [trigger = '', ...object] = key.split(' ');
      const [past, delivered] = [pasts.get(trigger), readDelivered(value)];
      if (past === undefined || delivered === undefined) stale.push(key);
      else past.delivered.set(object.join(' '), delivered);
    }
    return new TriggerMemory(store, pasts, stale);
  }

  /**
   * Forgets all other triggers, and those of another kind: states of two kinds cannot be compared, and no object of the one is an object of the other. Those that
   * are new begin now; that is durable before anything is delivered for them.
   */
  async keep(wanted: ReadonlyMap<string, Kind>, clock: Clock, signal: AbortSignal): Promise<ReadonlyMap<string, TriggerPast>> {
    const gone = [...this.#pasts].filter(([key, { record }]) => !isOfKind(record, wanted.get(key)));
    // The trigger before its objects: without it they belong to nothing, should this end in between.
    const removed = gone.flatMap(([key, { delivered }]) => [key, ...[...delivered.keys()].map(object => deliveredKey(key, object))]);
    await this.#write(
      [...this.#stale, ...removed].map(key => ({ key, value: null })),
      signal,
    );
    this.#stale = [];
    for (const [key] of gone) this.#pasts.delete(key);
    const begun = [...wanted].filter(([key]) => !this.#pasts.has(key)).map(([key, kind]) => [key, recordOf(kind, clock.now())] as const);
    await this.#write(
      begun.map(([key, record]) => ({ key, value: writeTrigger(record) })),
      signal,
    );
    for (const [key, record] of begun) this.#pasts.set(key, { record, delivered: new Map() });
    return this.#pasts;
  }

  async #write(writes: readonly DeliveredWrite[], signal: AbortSignal): Promise<void> {
    for (let from = 0; from < writes.length; from += keysAtOnce) await this.#store.write(writes.slice(from, from + keysAtOnce), [], signal);
  }
}

function isOfKind({ apiVersion, kind }: TriggerRecord, wanted: Kind | undefined): boolean {
  return wanted?.apiVersion === apiVersion && wanted.resourceKind === kind;
}

function recordOf({ apiVersion, resourceKind: kind }: Kind, sinceMs: number): TriggerRecord {
  return { sinceMs, apiVersion, kind };
}
