import type { Clock } from '../clock.ts';
import type { History } from '../ports/history.ts';
import type { Condition, Registry } from '../ports/registry.ts';
import type { Log } from '../telemetry/log.ts';
import { type ConditionRow, type ConditionType, conditionRows, conditionTable } from './condition-table.ts';
import type { Conditions, Finding } from './conditions.ts';

export interface ConditionBoardOptions {
  readonly registry: Pick<Registry, 'conditions' | 'setCondition' | 'removeCondition' | 'functions'>;
  readonly history: Pick<History, 'write'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the registry could not take is offered again after this time. */
const retryMs = 5_000;
/** Offered to the registry at the same time: what holds for one function often holds for hundreds. */
const writesMax = 100;

interface Entry {
  readonly unit: string;
  readonly type: ConditionType;
  readonly places: Map<string, Pick<Finding, 'reason' | 'message'>>;
  condition: Condition;
  /** The registry has it like this. */
  stored: boolean;
}

/**
 * Joins what is found at single places into one condition per function and type, keeps it in the registry, and writes each change into the history.
 * While the registry is away the picture in memory is the one that is shown. Servers that share a registry find things each by itself: what one has found is
 * stored under its name, holds while it holds for any of them, and is cleared by nobody else while that one lives. What is of all belongs to whoever decides next.
 */
export class ConditionBoard implements Conditions {
  readonly #options: ConditionBoardOptions;
  /** By unit, then by type. */
  readonly #entries = new Map<string, Map<string, Entry>>();
  #process = '';
  #writing = false;
  #cancelRetry: (() => void) | undefined;
  #closed = false;

  constructor(options: ConditionBoardOptions) {
    this.#options = options;
  }

  /**
   * Takes over what earlier processes left: what lasts, whoever has found it, where this process can tell by itself when it is over. Findings of those that were called
   * like this one are over until they are found again.
   * `process`: what this one is called among those that share the registry, '' where it is alone. `handles`: it handles events.
   */
  async load(process = '', handles = true): Promise<void> {
    this.#process = process;
    if (process !== '') await this.forget(['']);
    await this.#eachStored((unit, { type, by }, stored) => {
      const lasts = isOfAll(type) || (handles && rowOf(type).lasts);
      if (!stored.status || !(lasts || by === process)) return;
      const entry = this.#entry(unit, type);
      entry.condition = lasts ? { ...stored, type } : { ...stored, type, status: false, sinceMs: this.#options.clock.now() };
      entry.stored = lasts && stored.type === storedType(type, process);
      if (lasts) entry.places.set('', { reason: stored.reason, message: stored.message });
    });
    this.#write();
  }

  /** This process is called otherwise from now on: somebody else has its name. */
  moveTo(process: string): void {
    this.#process = process;
    for (const entries of this.#entries.values()) for (const entry of entries.values()) if (entry.condition.status) entry.stored = false;
    this.#write();
  }

  /** What processes that are gone have found is over; that it has held is kept, without their names. */
  async forget(processes: readonly string[]): Promise<void> {
    const { registry, clock } = this.#options;
    const found: { readonly unit: string; readonly type: ConditionType; readonly stored: Condition }[] = [];
    await this.#eachStored((unit, { type, by }, stored) => {
      if (!isOfAll(type) && processes.includes(by)) found.push({ unit, type, stored });
    });
    for (const { unit, type, stored } of found) {
      if (stored.status) await registry.setCondition(unit, { ...stored, type, status: false, sinceMs: clock.now() });
      if (stored.type !== type) await registry.removeCondition(unit, stored.type);
    }
  }

  raise({ unit, type, place, reason, message }: Finding): void {
    const entry = this.#entry(unit, type);
    entry.places.set(place, { reason, message });
    this.#refresh(entry);
  }

  clear({ unit, type, place }: Pick<Finding, 'unit' | 'type' | 'place'>): void {
    const entry = this.#entries.get(unit)?.get(type);
    if (entry?.places.delete(place) === true) this.#refresh(entry);
  }

  /** Those that hold or have held, by type. */
  async of(unit: string): Promise<readonly Condition[]> {
    const found: Condition[] = [];
    for (const stored of await this.#options.registry.conditions(unit)) {
      const { type, by } = nameOf(stored.type);
      if (!isKnownType(type)) found.push(stored);
      else if (isOfAll(type) && this.#decided(unit, type, stored)) found.push(stored);
      else if (!isOfAll(type) && by !== this.#process) found.push({ ...stored, type });
    }
    for (const { condition, type, stored } of this.#entries.get(unit)?.values() ?? [])
      if (!(isOfAll(type) && stored)) found.push(condition);
    return joinedByType(found);
  }

  holds(unit: string, type: ConditionType): boolean {
    return this.holding(unit, type) !== undefined;
  }

  /** The condition as it is now, if it holds. */
  holding(unit: string, type: ConditionType): Condition | undefined {
    const condition = this.#entries.get(unit)?.get(type)?.condition;
    return condition?.status === true ? condition : undefined;
  }

  /** The function is not live any more: the registry has forgotten its conditions. */
  keep(units: ReadonlySet<string>): void {
    for (const unit of this.#entries.keys()) if (!units.has(unit)) this.#entries.delete(unit);
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
  }

  /** Another process may have decided since; false: what this one has decided is still to be stored. */
  #decided(unit: string, type: ConditionType, stored: Condition): boolean {
    const entry = this.#entry(unit, type);
    if (!entry.stored) return false;
    entry.condition = stored;
    entry.places.clear();
    if (stored.status) entry.places.set('', { reason: stored.reason, message: stored.message });
    return true;
  }

  async #eachStored(visit: (unit: string, name: { type: ConditionType; by: string }, stored: Condition) => void): Promise<void> {
    const { registry } = this.#options;
    const look = async ({ unit }: { readonly unit: string }): Promise<void> => {
      for (const stored of await registry.conditions(unit)) {
        const { type, by } = nameOf(stored.type);
        if (isKnownType(type)) visit(unit, { type, by }, stored);
      }
    };
    await Promise.all((await registry.functions()).map(look));
  }

  #entry(unit: string, type: ConditionType): Entry {
    const ofUnit = this.#entries.get(unit) ?? new Map<string, Entry>();
    this.#entries.set(unit, ofUnit);
    const before = ofUnit.get(type);
    if (before !== undefined) return before;
    const condition = { type, status: false, reason: '', message: '', sinceMs: this.#options.clock.now() };
    const entry: Entry = { unit, type, places: new Map(), condition, stored: true };
    ofUnit.set(type, entry);
    return entry;
  }

  #refresh(entry: Entry): void {
    const next = joined(entry, this.#options.clock.now());
    const { condition } = entry;
    if (next.status === condition.status && next.reason === condition.reason && next.message === condition.message) return;
    entry.condition = next;
    entry.stored = false;
    if (next.status !== condition.status) this.#record(entry);
    this.#write();
  }

  #record({ unit, condition }: Entry): void {
    const { history, log } = this.#options;
    const { type, status, reason, message, sinceMs } = condition;
    history.write({ kind: 'decision', atMs: sinceMs, unit, data: { kind: 'condition', type, status, reason, message } });
    if (status) log.warn('condition raised', { unit, type, reason });
    else log.info('condition cleared', { unit, type });
  }

  /** One writer at a time; it takes whatever has changed by then. */
  #write(): void {
    if (this.#writing || this.#closed) return;
    this.#writing = true;
    void this.#writeAll().finally(() => {
      this.#writing = false;
    });
  }

  async #writeAll(): Promise<void> {
    for (let owed = this.#unstored(); owed.length > 0 && !this.#closed; owed = this.#unstored()) {
      const stored = await Promise.all(owed.map(entry => this.#store(entry)));
      if (stored.every(isStored => isStored)) continue;
      this.#cancelRetry?.();
      this.#cancelRetry = this.#options.clock.after(retryMs, () => this.#write());
      return;
    }
  }

  /** False: the registry could not take it. */
  async #store(entry: Entry): Promise<boolean> {
    const { registry, log } = this.#options;
    const { condition, unit } = entry;
    const by = this.#process;
    try {
      await registry.setCondition(unit, { ...condition, type: storedType(entry.type, by) });
      entry.stored = entry.condition === condition && this.#process === by;
      return true;
    } catch (error) {
      log.warn('a condition could not be stored', { unit, type: condition.type, error: String(error) });
      return false;
    }
  }

  #unstored(): readonly Entry[] {
    const owed: Entry[] = [];
    for (const entries of this.#entries.values()) {
      for (const entry of entries.values()) {
        if (!entry.stored) owed.push(entry);
        if (owed.length === writesMax) return owed;
      }
    }
    return owed;
  }
}

/** `StateUnreachable@3`: found by the process that is called 3. */
function storedType(type: ConditionType, process: string): string {
  return isOfAll(type) || process === '' ? type : `${type}@${process}`;
}

function nameOf(stored: string): { readonly type: string; readonly by: string } {
  const [type = '', by = ''] = stored.split('@');
  return { type, by };
}

function rowOf(type: ConditionType): ConditionRow {
  return conditionTable[type];
}

function isOfAll(type: ConditionType): boolean {
  return rowOf(type).ofAll === true;
}

/** One that holds before one that held, the older one first; by type. */
function joinedByType(found: readonly Condition[]): readonly Condition[] {
  const joined = new Map<string, Condition>();
  for (const one of found) {
    const before = joined.get(one.type);
    const isOlder = before !== undefined && one.sinceMs < before.sinceMs;
    if (before === undefined || (one.status && !before.status) || (one.status === before.status && isOlder === one.status))
      joined.set(one.type, one);
  }
  return [...joined.values()].sort((a, b) => (a.type < b.type ? -1 : 1));
}

function isKnownType(type: string): type is ConditionType {
  return conditionRows.has(type);
}

/** The first place speaks for all; a condition that changes its words keeps its time. */
function joined({ type, places, condition }: Entry, nowMs: number): Condition {
  const [first] = places.values();
  const { reason, message } = first ?? condition;
  const more = places.size > 1 ? ` (and at ${places.size - 1} more ${places.size === 2 ? 'place' : 'places'})` : '';
  const status = first !== undefined;
  return {
    type,
    status,
    reason,
    message: first === undefined ? message : `${message}${more}`,
    sinceMs: status === condition.status ? condition.sinceMs : nowMs,
  };
}
