import { choiceField, flagField, integerField, numberField, objectField, optionalText, own, textField } from './fields.ts';
import { type Frame, type FrameHeader, FrameWriter, type RawReader } from './frame.ts';
import { quote, stringifyJson } from './intrinsics.ts';
import type { EventResult, FailureReason, OkOutcome, PodLog, ReturnReason, WireEmit, WireError } from './messages.ts';
import { PackedRecord, packedSizeOf, writeRecord } from './record.ts';

/** What a pod says about a batch; `end` is the last of it. `alive` comes every few seconds when there is nothing else to say. */
export type Reply = { readonly kind: 'result'; readonly result: EventResult } | OtherReply;

/** What is read from one frame. */
export type ReadReply = { readonly kind: 'results'; readonly results: readonly EventResult[] } | OtherReply;

type OtherReply =
  | { readonly kind: 'log'; readonly log: PodLog }
  | { readonly kind: 'alive' }
  | { readonly kind: 'end'; readonly end: 'done' | 'busy' | 'draining' };

const failureReasons = [
  'error',
  'timeout',
  'crash',
  'decode',
  'schema',
  'undeclared',
  'floating-call',
  'too-large',
  'memory',
] as const satisfies readonly FailureReason[];
const returnReasons = [
  'neighbour-timeout',
  'neighbour-crash',
  'worker-ended',
  'draining',
  'after-failure',
  'state-unread',
] as const satisfies readonly ReturnReason[];
const levels = ['debug', 'info', 'warn', 'error'] as const;

export function encodeReply(reply: Reply): Uint8Array<ArrayBuffer> {
  const writer = new FrameWriter(256);
  writeReply(writer, reply);
  return writer.take();
}

/** Throws FAAS_WIRE_FRAME_TOO_LARGE, with nothing written, when the reply does not fit into a frame. */
export function writeReply(writer: FrameWriter, reply: Reply): void {
  switch (reply.kind) {
    case 'result':
      writeResult(writer, reply.result);
      break;
    case 'log':
      writeLog(writer, reply.log);
      break;
    case 'alive':
      writer.write('{"kind":"alive"}', []);
      break;
    case 'end':
      writer.write(`{"kind":"end","end":${quote(reply.end)}}`, []);
  }
}

/** Raw bytes of the results are views into the frame. */
export function readReply(frame: Frame): ReadReply {
  const { header } = frame;
  const kind = choiceField(header, 'kind', ['results', 'result', 'log', 'alive', 'end']);
  switch (kind) {
    case 'results':
      return { kind, results: readRows(frame.raw) };
    case 'result':
      return { kind: 'results', results: [readResult(header)] };
    case 'log':
      return { kind, log: readLog(header) };
    case 'alive':
      return { kind };
    case 'end':
      return { kind, end: choiceField(header, 'end', ['done', 'busy', 'draining']) };
  }
}

function writeResult(writer: FrameWriter, result: EventResult): void {
  const { index, outcome } = result;
  switch (outcome.kind) {
    case 'ok':
      writer.row(resultsHeader, { index, outcome }, writeRow);
      break;
    case 'failed':
      writer.write(
        `${headOf(result)},"reason":${quote(outcome.reason)},"retryable":${outcome.retryable},"error":${errorJson(outcome.error)}}`,
        [],
      );
      break;
    case 'returned':
      writer.write(`${headOf(result)},"why":${quote(outcome.why)}}`, []);
  }
}

function headOf({ index, outcome }: EventResult): string {
  return `{"kind":"result","index":${index},"outcome":"${outcome.kind}"`;
}

const resultsHeader = '{"kind":"results"}';
/** What a row has. */
const withFiltered = 1;
const withEffects = 2;
const withAnswer = 4;

/** Most events leave nothing behind: their row is 17 bytes. */
function writeRow(writer: FrameWriter, { index, outcome }: { readonly index: number; readonly outcome: OkOutcome }): void {
  const { reads, writes, emits, answer } = outcome;
  const hasEffects = reads.length > 0 || writes.length > 0 || emits.length > 0;
  writer.u32(index);
  writer.u8((outcome.filtered ? withFiltered : 0) | (hasEffects ? withEffects : 0) | (answer === undefined ? 0 : withAnswer));
  writer.u64(outcome.enteredAtMs);
  writer.u32(Math.min(outcome.busyMs * 1_000, 0xffffffff));
  if (hasEffects) {
    writer.u16(reads.length);
    for (const { key, version } of reads) {
      writer.text(key);
      writer.text(version ?? undefined);
    }
    writer.u16(writes.length);
    for (const { key, value } of writes) {
      writer.text(key);
      writer.sized(value ?? undefined);
    }
    writer.u16(emits.length);
    for (const emit of emits) writeEmit(writer, emit);
  }
  if (answer !== undefined) writer.sized(answer);
}

function writeEmit(writer: FrameWriter, emit: WireEmit): void {
  writer.u8(emit.kind === 'emit' ? 0 : 1);
  writer.text(emit.target);
  writer.text(emit.contentType);
  writer.text(emit.id);
  writer.text(emit.type);
  const size = packedSizeOf(emit);
  const { bytes, at } = writer.space(size);
  writeRecord(bytes, at, emit, size);
}

const none: readonly never[] = [];
const noEffects = { reads: none, writes: none, emits: none };

function readRows(raw: RawReader): EventResult[] {
  const results: EventResult[] = [];
  while (!raw.isEmpty) {
    const index = raw.u32();
    const has = raw.u8();
    const enteredAtMs = raw.u64();
    const busyMs = raw.u32() / 1_000;
    const effects = (has & withEffects) === 0 ? noEffects : readEffects(raw);
    const { reads, writes, emits } = effects;
    const answer = (has & withAnswer) === 0 ? undefined : raw.sized();
    const filtered = (has & withFiltered) !== 0;
    results.push({ index, outcome: { kind: 'ok', reads, writes, emits, answer, filtered, busyMs, enteredAtMs } });
  }
  return results;
}

function readEffects(raw: RawReader): Pick<OkOutcome, 'reads' | 'writes' | 'emits'> {
  return { reads: readMany(raw, readRead), writes: readMany(raw, readWrite), emits: readMany(raw, readEmit) };
}

/** Nearly always of one: an empty array that is pushed to takes room for seventeen. */
function readMany<T>(raw: RawReader, readOne: (raw: RawReader) => T): readonly T[] {
  const count = raw.u16();
  if (count === 0) return none;
  const read = [readOne(raw)];
  while (read.length < count) read.push(readOne(raw));
  return read;
}

function readRead(raw: RawReader): OkOutcome['reads'][number] {
  return { key: raw.requiredText(), version: raw.text() ?? null };
}

function readWrite(raw: RawReader): OkOutcome['writes'][number] {
  return { key: raw.requiredText(), value: raw.sized() ?? null };
}

function readEmit(raw: RawReader): WireEmit {
  const kind = raw.u8() === 0 ? 'emit' : 'start';
  const target = raw.requiredText();
  const contentType = raw.requiredText();
  const id = raw.text();
  const type = raw.text();
  const length = raw.u32();
  return new PackedWireEmit(kind, target, contentType, id, type, new PackedRecord(raw.bytes, raw.skip(length) - 4));
}

/** An emit whose record is in one piece, as it came or as it goes. */
export class PackedWireEmit implements WireEmit {
  readonly kind: WireEmit['kind'];
  readonly target: string;
  readonly contentType: string;
  readonly id: string | undefined;
  readonly type: string | undefined;
  readonly packed: PackedRecord;

  constructor(
    kind: WireEmit['kind'],
    target: string,
    contentType: string,
    id: string | undefined,
    type: string | undefined,
    packed: PackedRecord,
  ) {
    this.kind = kind;
    this.target = target;
    this.contentType = contentType;
    this.id = id;
    this.type = type;
    this.packed = packed;
  }

  get key(): Uint8Array | null {
    return this.packed.key;
  }

  get value(): Uint8Array {
    return this.packed.value ?? empty;
  }

  get headers(): WireEmit['headers'] {
    return this.packed.headers;
  }
}

const empty = new Uint8Array(0);

export function errorJson(error: WireError): string {
  const stack = error.stack === undefined ? '' : `,"stack":${quote(error.stack)}`;
  return `{"code":${quote(error.code)},"name":${quote(error.name)},"message":${quote(error.message)}${stack}}`;
}

export function readError(header: FrameHeader): WireError {
  return {
    code: textField(header, 'code'),
    name: textField(header, 'name'),
    message: textField(header, 'message'),
    stack: optionalText(header, 'stack'),
  };
}

function readResult(header: FrameHeader): EventResult {
  const index = integerField(header, 'index');
  const kind = choiceField(header, 'outcome', ['failed', 'returned']);
  if (kind === 'returned') return { index, outcome: { kind, why: choiceField(header, 'why', returnReasons) } };
  const reason = choiceField(header, 'reason', failureReasons);
  return { index, outcome: { kind, reason, retryable: flagField(header, 'retryable'), error: readError(objectField(header, 'error')) } };
}

/** The fields are the author's: they travel as JSON text of their own, so that what cannot be serialised costs a field and not the frame. */
function writeLog(writer: FrameWriter, log: PodLog): void {
  let header = `{"kind":"log","level":"${log.level}","message":${quote(log.message)},"atMs":${log.atMs}`;
  if (log.index !== undefined) header += `,"index":${log.index}`;
  if (log.traceparent !== undefined) header += `,"traceparent":${quote(log.traceparent)}`;
  if (log.fields !== undefined) header += `,"fields":${stringifyJson(log.fields) ?? '{}'}`;
  writer.write(`${header}}`, []);
}

function readLog(header: FrameHeader): PodLog {
  return {
    index: own(header, 'index') === undefined ? undefined : integerField(header, 'index'),
    level: choiceField(header, 'level', levels),
    message: textField(header, 'message'),
    fields: own(header, 'fields') === undefined ? undefined : objectField(header, 'fields'),
    atMs: numberField(header, 'atMs'),
    traceparent: optionalText(header, 'traceparent'),
  };
}
