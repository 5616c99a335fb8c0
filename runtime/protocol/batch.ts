import { FaasError } from '../sdk/errors.ts';
import type { TriggerKind } from '../sdk/event.ts';
import { choiceField, integerField, optionalNumber, own, textField } from './fields.ts';
import { type Frame, FrameWriter, peekHeader, type RawReader, readFrames } from './frame.ts';
import { quote, unclearedBytes } from './intrinsics.ts';
import { type Batch, type BatchEvent, type BatchState, type WireHeader, wireLimits } from './messages.ts';
import { PackedRecord, packedSizeOf, writeRecord } from './record.ts';

const triggers = ['stream', 'webhook', 'schedule', 'resource', 'lag', 'start', 'call'] as const satisfies readonly TriggerKind[];
const orders = ['key', 'partition', 'none'] as const;

/** What the shim needs to know of a batch that it does not open. */
export interface BatchHead {
  readonly unit: string;
  readonly revision: string;
  readonly eventCount: number;
  readonly exclusive: boolean;
  readonly waits: boolean;
}

/**
 * A `batch` frame, `states` frames and `events` frames, in the bytes that `room` answers when it is asked for so many. Throws FAAS_WIRE_* on what is over the
 * limits.
 */
export function encodeBatch(batch: Batch, room: (bytes: number) => Uint8Array<ArrayBuffer> = unclearedBytes): Uint8Array<ArrayBuffer> {
  if (batch.events.length > wireLimits.batchEventsMax)
    throw new FaasError('FAAS_WIRE', `a batch of ${batch.events.length} events is too large`);
  checkPlaces(batch.events);
  const writer = new FrameWriter(room(bytesOf(batch)));
  const order = batch.order === undefined ? '' : `,"order":${quote(batch.order)}`;
  const callback = batch.callbackUrl === undefined ? '' : `,"callbackUrl":${quote(batch.callbackUrl)}`;
  const exclusive = batch.exclusive === true ? ',"exclusive":true' : '';
  const waits = batch.waits === true ? ',"waits":true' : '';
  writer.write(
    `{"kind":"batch","batchToken":${quote(batch.batchToken)},"unit":${quote(batch.unit)},"revision":${quote(batch.revision)}` +
      `${order}${callback}${exclusive}${waits},"states":${batch.state.length},"events":${batch.events.length}}`,
    [],
  );
  for (const state of batch.state) writer.row(statesHeader, state, writeState);
  let header = '';
  let previous: BatchEvent | undefined;
  for (const event of batch.events) {
    if (previous === undefined || !isAlike(previous, event)) header = eventsHeader(event);
    writer.row(header, event, writeEvent);
    previous = event;
  }
  if (writer.length > wireLimits.batchBytesMax) throw new FaasError('FAAS_WIRE', `a batch of ${writer.length} bytes is too large`);
  return writer.take();
}

/** About what it takes when it is encoded: a buffer that has to grow is copied, and what was in vain is collected. */
function bytesOf({ events, state }: Batch): number {
  let bytes = headBytes;
  for (const { key, value } of state) bytes += stateBytes + key.length * 3 + (value?.length ?? 0);
  for (const event of events) {
    const keyBytes = event.keyedByPlace === true ? 0 : event.idempotencyKey.length * 3;
    bytes += eventBytes + keyBytes + packedSizeOf(event);
  }
  return bytes;
}

/** The first header, and some of events that are not like the ones before. */
const headBytes = 1_536;
/** A row without its texts and bytes; a version is some ten characters. */
const stateBytes = 64;
const eventBytes = 22;

/** Reads the first frame alone. */
export function readBatchHead(bytes: Uint8Array): BatchHead {
  const header = peekHeader(bytes);
  choiceField(header, 'kind', ['batch']);
  const eventCount = integerField(header, 'events');
  if (eventCount < 0 || eventCount > wireLimits.batchEventsMax)
    throw new FaasError('FAAS_WIRE', `a batch of ${eventCount} events is not allowed`);
  return {
    unit: textField(header, 'unit'),
    revision: textField(header, 'revision'),
    eventCount,
    exclusive: own(header, 'exclusive') === true,
    waits: own(header, 'waits') === true,
  };
}

/** Keys, values and header values are views into `bytes`. */
export function decodeBatch(bytes: Uint8Array): Batch {
  const state: BatchState[] = [];
  const events: BatchEvent[] = [];
  let head: Omit<Batch, 'events' | 'state'> | undefined;
  let states = 0;
  let expected = 0;
  readFrames(bytes, frame => {
    if (head === undefined) {
      choiceField(frame.header, 'kind', ['batch']);
      states = integerField(frame.header, 'states');
      expected = integerField(frame.header, 'events');
      head = readHead(frame);
    } else if (choiceField(frame.header, 'kind', ['states', 'events']) === 'states') {
      while (!frame.raw.isEmpty) state.push(readState(frame.raw));
    } else readEvents(frame, head.unit, events);
  });
  if (head === undefined || state.length !== states || events.length !== expected) {
    throw new FaasError(
      'FAAS_WIRE',
      `a batch announced ${states} states and ${expected} events, and has ${state.length} and ${events.length}`,
    );
  }
  checkPlaces(events);
  return { ...head, events, state };
}

/** Answers name events by their places: one of a number that is not there would be nobody's, and its batch would never end. */
function checkPlaces(events: readonly BatchEvent[]): void {
  for (let place = 0; place < events.length; place += 1) {
    const index = events[place]?.index;
    if (index !== place) throw new FaasError('FAAS_WIRE', `the event at place ${place} of a batch says that it is at ${index}`);
  }
}

function readHead({ header }: Frame): Omit<Batch, 'events' | 'state'> {
  const head = { batchToken: textField(header, 'batchToken'), unit: textField(header, 'unit'), revision: textField(header, 'revision') };
  return {
    ...head,
    ...(own(header, 'order') !== undefined && { order: choiceField(header, 'order', orders) }),
    ...(own(header, 'callbackUrl') !== undefined && { callbackUrl: textField(header, 'callbackUrl') }),
    ...(own(header, 'exclusive') === true && { exclusive: true }),
    ...(own(header, 'waits') === true && { waits: true }),
  };
}

const statesHeader = '{"kind":"states"}';

function writeState(writer: FrameWriter, { key, version, value }: BatchState): void {
  writer.text(key);
  writer.text(version ?? undefined);
  writer.sized(value);
}

function readState(raw: RawReader): BatchState {
  return { key: raw.requiredText(), version: raw.text() ?? null, value: raw.sized() };
}

/** Whether an event can be a row of the same frame as the one before it. */
function isAlike(a: BatchEvent, b: BatchEvent): boolean {
  return (
    a.attempt === b.attempt &&
    a.trigger === b.trigger &&
    a.topic === b.topic &&
    a.partition === b.partition &&
    a.stream === b.stream &&
    a.remainingMs === b.remainingMs &&
    (a.noAnswer === true) === (b.noAnswer === true)
  );
}

function eventsHeader({ attempt, trigger, stream, topic, partition, remainingMs, noAnswer }: BatchEvent): string {
  const remaining = remainingMs === undefined ? '' : `,"remainingMs":${remainingMs}`;
  const answer = noAnswer === true ? ',"noAnswer":true' : '';
  return (
    `{"kind":"events","attempt":${attempt},"trigger":${quote(trigger)},"stream":${quote(stream)},"topic":${quote(topic)}` +
    `,"partition":${partition}${remaining}${answer}}`
  );
}

function writeEvent(writer: FrameWriter, event: BatchEvent): void {
  writer.u32(event.index);
  writer.u64(event.offset);
  writer.u64(event.appendedAtMs);
  writer.text(event.keyedByPlace === true ? undefined : event.idempotencyKey);
  const size = packedSizeOf(event);
  const { bytes, at } = writer.space(size);
  writeRecord(bytes, at, event, size);
}

function readEvents({ header, raw }: Frame, unit: string, events: BatchEvent[]): void {
  const shared: SharedFields = {
    unit,
    attempt: integerField(header, 'attempt'),
    trigger: choiceField(header, 'trigger', triggers),
    stream: textField(header, 'stream'),
    topic: textField(header, 'topic'),
    partition: integerField(header, 'partition'),
    remainingMs: optionalNumber(header, 'remainingMs'),
    noAnswer: own(header, 'noAnswer') === true,
  };
  while (!raw.isEmpty) {
    const index = raw.u32();
    const offset = raw.u64();
    const appendedAtMs = raw.u64();
    const idempotencyKey = raw.text();
    const length = raw.u32();
    const packed = new PackedRecord(raw.bytes, raw.skip(length) - 4);
    events.push(new ReceivedEvent(shared, index, offset, appendedAtMs, idempotencyKey, packed));
  }
}

type SharedFields = Pick<BatchEvent, 'attempt' | 'trigger' | 'stream' | 'topic' | 'partition' | 'remainingMs'> & {
  readonly unit: string;
  readonly noAnswer: boolean;
};

/** An event as it came: what nobody asks for is not taken out of it. */
class ReceivedEvent implements BatchEvent {
  readonly #shared: SharedFields;
  readonly #idempotencyKey: string | undefined;
  readonly index: number;
  readonly offset: number;
  readonly appendedAtMs: number;
  readonly packed: PackedRecord;

  constructor(
    shared: SharedFields,
    index: number,
    offset: number,
    appendedAtMs: number,
    idempotencyKey: string | undefined,
    packed: PackedRecord,
  ) {
    this.#shared = shared;
    this.#idempotencyKey = idempotencyKey;
    this.index = index;
    this.offset = offset;
    this.appendedAtMs = appendedAtMs;
    this.packed = packed;
  }

  get attempt(): number {
    return this.#shared.attempt;
  }

  get trigger(): TriggerKind {
    return this.#shared.trigger;
  }

  get stream(): string {
    return this.#shared.stream;
  }

  get topic(): string {
    return this.#shared.topic;
  }

  get partition(): number {
    return this.#shared.partition;
  }

  get remainingMs(): number | undefined {
    return this.#shared.remainingMs;
  }

  get noAnswer(): boolean {
    return this.#shared.noAnswer;
  }

  get idempotencyKey(): string {
    const { unit, topic, partition } = this.#shared;
    return this.#idempotencyKey ?? `${unit}/${topic}/${partition}/${this.offset}`;
  }

  get key(): Uint8Array | null {
    return this.packed.key;
  }

  get value(): Uint8Array | null {
    return this.packed.value;
  }

  get headers(): readonly WireHeader[] {
    return this.packed.headers;
  }
}
