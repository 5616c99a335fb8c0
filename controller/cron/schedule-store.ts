import type { Clock } from '../clock.ts';
import type { Source, StateStore } from '../ports/state.ts';
import type { Random } from '../random.ts';
import { readRecord, type ScheduleRecord, writeRecord } from './schedule-record.ts';

/** A unit of its own in the state store; no `<context>.<function>` can have this name. */
const unit = '$schedules';
const source: Source = { unit, name: 'scheduler' };
const pageKeys = 1_000;

/** What is remembered of each schedule, by `scheduleKey`; reading it needs no claim. */
export async function readScheduleRecords(state: Pick<StateStore, 'list'>): Promise<ReadonlyMap<string, ScheduleRecord>> {
  const records = new Map<string, ScheduleRecord>();
  for (let after: string | undefined; ; ) {
    const page = await state.list(unit, { limit: pageKeys, ...(after === undefined ? {} : { after }) });
    for (const { key, value } of page) {
      const record = readRecord(value);
      if (record !== undefined) records.set(key, record);
    }
    if (page.length < pageKeys) return records;
    after = page.at(-1)?.key;
  }
}

/**
 * The memory of the schedules: state of a unit of their own, written through the commit protocol, so that a scheduler which was replaced and does
 * not know it yet can change nothing.
 */
export class ScheduleStore {
  readonly #state: StateStore;
  readonly #ownerToken: string;
  #ordinal = 0;

  private constructor(state: StateStore, ownerToken: string) {
    this.#state = state;
    this.#ownerToken = ownerToken;
  }

  /** Takes the place of whoever was scheduler before. */
  static async claim(state: StateStore, random: Random, clock: Clock): Promise<ScheduleStore> {
    const ownerToken = random.token();
    await state.claim(source, { ownerToken, brokerGeneration: 0, nowMs: clock.now(), committedOffset: 0 });
    return new ScheduleStore(state, ownerToken);
  }

  async all(): Promise<ReadonlyMap<string, ScheduleRecord>> {
    return readScheduleRecords(this.#state);
  }

  /** undefined removes. False: somebody else is the scheduler, or the store has gone back; claim again. */
  async write(changes: ReadonlyMap<string, ScheduleRecord | undefined>): Promise<boolean> {
    if (changes.size === 0) return true;
    const ordinal = this.#ordinal + 1;
    const result = await this.#state.commit(source, {
      ownerToken: this.#ownerToken,
      ordinal,
      id: `${this.#ownerToken}-${ordinal}`,
      stream: unit,
      highSeqOffset: 0,
      highSeqs: [],
      done: [],
      clearAttempts: [],
      ids: [],
      knownIds: [],
      reads: [],
      writes: [...changes].map(([key, record]) => ({ key, value: record === undefined ? null : writeRecord(record) })),
      emits: [],
    });
    if (result.kind !== 'ok' && result.kind !== 'already') return false;
    this.#ordinal = ordinal;
    return true;
  }
}
