import { FaasError } from '../sdk/errors.ts';
import type { TriggerKind } from '../sdk/event.ts';
import {
  choiceField,
  integerField,
  listField,
  optionalLength,
  optionalNumber,
  optionalText,
  own,
  textAndLength,
  textField,
} from './fields.ts';
import { type Frame, FrameWriter, peekHeader, readFrames } from './frame.ts';
import { quote } from './intrinsics.ts';
import { type Batch, type BatchEvent, type BatchState, type WireHeader, wireLimits } from './messages.ts';

const triggers = ['stream', 'webhook', 'schedule', 'resource', 'lag', 'start', 'call'] as const satisfies readonly TriggerKind[];
const orders = ['key', 'partition', 'none'] as const;

/** What the shim needs to know of a batch that it does not open. */
export interface BatchHead {
  readonly unit: string;
  readonly revision: string;
  readonly eventCount: number;
}

/** A `batch` frame, one `state` frame per prefetched key, one `event` frame per event. Throws FAAS_WIRE_* on what is over the limits. */
export function encodeBatch(batch: Batch): Uint8Array<ArrayBuffer> {
  if (batch.events.length > wireLimits.batchEventsMax)
    throw new FaasError('FAAS_WIRE', `a batch of ${batch.events.length} events is too large`);
  const writer = new FrameWriter(1024 + batch.events.length * 512);
  const order = batch.order === undefined ? '' : `,"order":${quote(batch.order)}`;
  writer.write(
    `{"kind":"batch","batchToken":${quote(batch.batchToken)},"unit":${quote(batch.unit)},"revision":${quote(batch.revision)}` +
      `${order},"states":${batch.state.length},"events":${batch.events.length}}`,
    [],
  );
  for (const state of batch.state) writeState(writer, state);
  let previous: BatchEvent | undefined;
  for (const event of batch.events) {
    writeEvent(writer, event, previous);
    previous = event;
  }
  if (writer.length > wireLimits.batchBytesMax) throw new FaasError('FAAS_WIRE', `a batch of ${writer.length} bytes is too large`);
  return writer.take();
}

/** Reads the first frame alone. */
export function readBatchHead(bytes: Uint8Array): BatchHead {
  const header = peekHeader(bytes);
  choiceField(header, 'kind', ['batch']);
  const eventCount = integerField(header, 'events');
  if (eventCount < 0 || eventCount > wireLimits.batchEventsMax)
    throw new FaasError('FAAS_WIRE', `a batch of ${eventCount} events is not allowed`);
  return { unit: textField(header, 'unit'), revision: textField(header, 'revision'), eventCount };
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
    } else if (state.length < states) state.push(readState(frame));
    else events.push(readEvent(frame, events[events.length - 1]));
  });
  if (head === undefined || state.length !== states || events.length !== expected) {
    throw new FaasError(
      'FAAS_WIRE',
      `a batch announced ${states} states and ${expected} events, and has ${state.length} and ${events.length}`,
    );
  }
  return { ...head, events, state };
}

function readHead({ header }: Frame): Omit<Batch, 'events' | 'state'> {
  const head = { batchToken: textField(header, 'batchToken'), unit: textField(header, 'unit'), revision: textField(header, 'revision') };
  return own(header, 'order') === undefined ? head : { ...head, order: choiceField(header, 'order', orders) };
}

function writeState(writer: FrameWriter, state: BatchState): void {
  const version = state.version === null ? '' : `,"version":${quote(state.version)}`;
  if (state.value === undefined) writer.write(`{"kind":"state","key":${quote(state.key)}${version}}`, []);
  else writer.write(`{"kind":"state","key":${quote(state.key)}${version},"value":${state.value.length}}`, [state.value]);
}

function readState({ header, raw }: Frame): BatchState {
  choiceField(header, 'kind', ['state']);
  const length = optionalLength(header, 'value');
  return {
    key: textField(header, 'key'),
    version: optionalText(header, 'version') ?? null,
    value: length === undefined ? undefined : raw.take(length),
  };
}

/** Where an event agrees with the one before it in a field of its origin, the field is left out. */
function writeEvent(writer: FrameWriter, event: BatchEvent, previous: BatchEvent | undefined): void {
  const raws: Uint8Array[] = [];
  let header = `{"kind":"event","index":${event.index},"offset":${event.offset},"appendedAtMs":${event.appendedAtMs}`;
  if (event.attempt !== previous?.attempt) header += `,"attempt":${event.attempt}`;
  if (event.trigger !== previous?.trigger) header += `,"trigger":${quote(event.trigger)}`;
  if (event.stream !== previous?.stream) header += `,"stream":${quote(event.stream)}`;
  if (event.topic !== previous?.topic) header += `,"topic":${quote(event.topic)}`;
  if (event.partition !== previous?.partition) header += `,"partition":${event.partition}`;
  header += `,"idempotencyKey":${quote(event.idempotencyKey)}`;
  if (event.remainingMs !== undefined) header += `,"remainingMs":${event.remainingMs}`;
  if (event.key !== null) {
    header += `,"key":${event.key.length}`;
    raws.push(event.key);
  }
  if (event.value !== null) {
    header += `,"value":${event.value.length}`;
    raws.push(event.value);
  }
  writer.write(`${header}${headersJson(event.headers, raws)}}`, raws);
}

function readEvent({ header, raw }: Frame, previous: BatchEvent | undefined): BatchEvent {
  choiceField(header, 'kind', ['event']);
  const key = optionalLength(header, 'key');
  const value = optionalLength(header, 'value');
  const inherits = (name: string) => previous !== undefined && own(header, name) === undefined;
  return {
    index: integerField(header, 'index'),
    attempt: previous !== undefined && inherits('attempt') ? previous.attempt : integerField(header, 'attempt'),
    trigger: previous !== undefined && inherits('trigger') ? previous.trigger : choiceField(header, 'trigger', triggers),
    stream: previous !== undefined && inherits('stream') ? previous.stream : textField(header, 'stream'),
    topic: previous !== undefined && inherits('topic') ? previous.topic : textField(header, 'topic'),
    partition: previous !== undefined && inherits('partition') ? previous.partition : integerField(header, 'partition'),
    offset: integerField(header, 'offset'),
    appendedAtMs: integerField(header, 'appendedAtMs'),
    key: key === undefined ? null : raw.take(key),
    value: value === undefined ? null : raw.take(value),
    headers: readHeaders({ header, raw }),
    remainingMs: optionalNumber(header, 'remainingMs'),
    idempotencyKey: textField(header, 'idempotencyKey'),
  };
}

/** `,"headers":[[name, length], …]`, and the values behind the other raw pieces; nothing where there are none. */
export function headersJson(headers: readonly WireHeader[], raws: Uint8Array[]): string {
  if (headers.length === 0) return '';
  let json = ',"headers":[';
  for (let i = 0; i < headers.length; i += 1) {
    const header = headers[i];
    if (header === undefined) continue;
    json += `${i === 0 ? '' : ','}[${quote(header[0])},${header[1].length}]`;
    raws.push(header[1]);
  }
  return `${json}]`;
}

const noHeaders: readonly WireHeader[] = [];

export function readHeaders({ header, raw }: Frame): readonly WireHeader[] {
  const list = listField(header, 'headers');
  if (list.length === 0) return noHeaders;
  return list.map(item => {
    const [name, length] = textAndLength(item, 'headers');
    return [name, raw.take(length)] as const;
  });
}
