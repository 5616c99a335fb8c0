import type { OutboxEntry, Seq, Source } from '../ports/state.ts';
import { publishedRecord } from '../published-record.ts';
import type { DispatcherOptions } from './dispatcher.ts';
import { isAbove } from './duplicate-filter.ts';
import { Outbox, type PublishRequest } from './outbox.ts';
import type { Troubles } from './troubles.ts';

export interface PublishOptions {
  readonly dispatcher: Pick<DispatcherOptions, 'streams' | 'state' | 'clock' | 'faults' | 'log'>;
  readonly source: Source;
  readonly troubles: Troubles;
  readonly ownerToken: string;
  /** Aborts with the session: an old owner stops sending. */
  readonly signal: AbortSignal;
  onRoom(): void;
  /** The store is not ours any more. */
  onFenced(): void;
}

const retryMs = { min: 50, max: 5_000 };

/** Sends what a session committed to its topics, in order, until the broker has it; then trims it from the store. */
export class PublishLoop {
  readonly #options: PublishOptions;
  readonly #outbox = new Outbox();
  #ordinalMax: number;
  /** Emits of an earlier owner or of this one may be sent: the broker knows our generation. */
  #open = false;
  #trimming = false;
  /** For the first time, since the last verification began: a store that goes back may undo it. */
  #trimmed: Seq | undefined;
  /** The same of the verification that is under way. */
  #verifying: Seq | undefined;
  #trimmedMax: Seq | undefined;

  /** `ordinalMax`: the last commit whose emits may go; Infinity for all but strict functions on a store that may roll back. */
  constructor(options: PublishOptions, ordinalMax: number) {
    this.#options = options;
    this.#ordinalMax = ordinalMax;
  }

  get isEmpty(): boolean {
    return this.#outbox.isEmpty && !this.#trimming;
  }

  get isFull(): boolean {
    return this.#outbox.isFull;
  }

  add(entries: readonly OutboxEntry[], ordinal: number): void {
    for (const entry of entries) this.#outbox.add(entry, ordinal);
    this.#pump();
  }

  open(): void {
    this.#open = true;
    this.#pump();
  }

  /** Something was trimmed that no verification has followed. */
  get owesVerification(): boolean {
    return this.#trimmed !== undefined;
  }

  /** The store is asked now what cannot be lost. */
  verifying(): void {
    this.#verifying = this.#trimmed ?? this.#verifying;
    this.#trimmed = undefined;
  }

  /** All up to this commit cannot be lost any more; a trim before that could, and is made again. */
  durable(ordinal: number): void {
    this.#ordinalMax = Math.max(this.#ordinalMax, ordinal);
    if (this.#verifying !== undefined) this.#outbox.trimAgain(this.#verifying);
    this.#verifying = undefined;
    if (!this.#trimming && !this.#outbox.isTrimmed) void this.#trim();
    this.#pump();
  }

  #pump(): void {
    if (!this.#open || this.#options.signal.aborted) return;
    for (const request of this.#outbox.nextRequests(this.#ordinalMax)) void this.#publish(request);
  }

  async #publish(request: PublishRequest): Promise<void> {
    const { dispatcher, signal, source, troubles } = this.#options;
    const { streams, clock, faults, log } = dispatcher;
    const place = `${source.name} to ${request.topic}.${request.partition}`;
    for (let delayMs = retryMs.min; !signal.aborted; delayMs = Math.min(retryMs.max, delayMs * 2)) {
      try {
        faults('publish.before');
        await streams.append(
          request.topic,
          request.entries.map(({ entry }) => publishedRecord(entry)),
        );
        faults('publish.after');
        troubles.over(place);
        if (!signal.aborted) this.#acked(request);
        return;
      } catch (error) {
        log.warn('publishing failed, tried again', { topic: request.topic, partition: request.partition, error: String(error) });
        troubles.met(place, error);
      }
      await clock.sleep(delayMs, signal);
    }
  }

  #acked(request: PublishRequest): void {
    const wasFull = this.#outbox.isFull;
    this.#outbox.acked(request);
    if (wasFull && !this.#outbox.isFull) this.#options.onRoom();
    this.#pump();
    if (!this.#trimming) void this.#trim();
  }

  /** One at a time; what was acknowledged meanwhile goes with the next one. */
  async #trim(): Promise<void> {
    const { dispatcher, source, ownerToken, signal } = this.#options;
    const { state, clock, faults, log } = dispatcher;
    this.#trimming = true;
    while (!signal.aborted) {
      const upTo = this.#outbox.takeTrimmable();
      if (upTo === undefined) break;
      try {
        faults('trim.before');
        const answer = await state.trim(source, ownerToken, upTo);
        if (answer === 'fenced') this.#options.onFenced();
        if (this.#trimmedMax === undefined || isAbove(upTo, this.#trimmedMax)) {
          this.#trimmedMax = upTo;
          this.#trimmed = upTo;
        }
      } catch (error) {
        log.warn('trimming the outbox failed, tried again', { source: source.name, error: String(error) });
        await clock.sleep(retryMs.min, signal);
        this.#outbox.trimAgain(upTo);
      }
    }
    this.#trimming = false;
    this.#options.onRoom();
  }
}
