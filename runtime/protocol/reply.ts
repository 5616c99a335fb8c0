import { headersJson, readHeaders } from './batch.ts';
import {
  asObject,
  choiceField,
  flagField,
  integerField,
  listField,
  numberField,
  objectField,
  optionalLength,
  optionalText,
  own,
  textAndLength,
  textField,
  wrong,
} from './fields.ts';
import { type Frame, type FrameHeader, FrameWriter } from './frame.ts';
import { isArray, quote, stringifyJson } from './intrinsics.ts';
import type { EventResult, FailureReason, OkOutcome, Outcome, PodLog, ReturnReason, WireEmit, WireError } from './messages.ts';

/** What a pod says about a batch, frame by frame; `end` is the last one. `alive` comes every few seconds when there is nothing else to say. */
export type Reply =
  | { readonly kind: 'result'; readonly result: EventResult }
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

/** Raw bytes of the result are views into the frame. */
export function readReply(frame: Frame): Reply {
  const { header } = frame;
  const kind = choiceField(header, 'kind', ['result', 'log', 'alive', 'end']);
  switch (kind) {
    case 'result':
      return { kind, result: { index: integerField(header, 'index'), outcome: readOutcome(frame) } };
    case 'log':
      return { kind, log: readLog(header) };
    case 'alive':
      return { kind };
    case 'end':
      return { kind, end: choiceField(header, 'end', ['done', 'busy', 'draining']) };
  }
}

function writeResult(writer: FrameWriter, { index, outcome }: EventResult): void {
  const head = `{"kind":"result","index":${index},"outcome":"${outcome.kind}"`;
  switch (outcome.kind) {
    case 'ok':
      writeOk(writer, head, outcome);
      break;
    case 'failed':
      writer.write(`${head},"reason":${quote(outcome.reason)},"retryable":${outcome.retryable},"error":${errorJson(outcome.error)}}`, []);
      break;
    case 'returned':
      writer.write(`${head},"why":${quote(outcome.why)}}`, []);
  }
}

function writeOk(writer: FrameWriter, head: string, outcome: OkOutcome): void {
  const raws: Uint8Array[] = [];
  let header = `${head},"busyMs":${outcome.busyMs},"enteredAtMs":${outcome.enteredAtMs}`;
  if (outcome.filtered) header += ',"filtered":true';
  if (outcome.reads.length > 0) header += `,"reads":${readsJson(outcome.reads)}`;
  if (outcome.writes.length > 0) header += `,"writes":${writesJson(outcome.writes, raws)}`;
  if (outcome.answer !== undefined) {
    header += `,"answer":${outcome.answer.length}`;
    raws.push(outcome.answer);
  }
  if (outcome.emits.length > 0) header += `,"emits":${emitsJson(outcome.emits, raws)}`;
  writer.write(`${header}}`, raws);
}

function readsJson(reads: OkOutcome['reads']): string {
  let json = '[';
  for (let i = 0; i < reads.length; i += 1) {
    const read = reads[i];
    if (read === undefined) continue;
    json += `${i === 0 ? '' : ','}[${quote(read.key)},${read.version === null ? 'null' : quote(read.version)}]`;
  }
  return `${json}]`;
}

/** `[key, length]`; a length of −1 deletes. */
function writesJson(writes: OkOutcome['writes'], raws: Uint8Array[]): string {
  let json = '[';
  for (let i = 0; i < writes.length; i += 1) {
    const write = writes[i];
    if (write === undefined) continue;
    json += `${i === 0 ? '' : ','}[${quote(write.key)},${write.value === null ? -1 : write.value.length}]`;
    if (write.value !== null) raws.push(write.value);
  }
  return `${json}]`;
}

function emitsJson(emits: readonly WireEmit[], raws: Uint8Array[]): string {
  let json = '[';
  for (let i = 0; i < emits.length; i += 1) {
    const emit = emits[i];
    if (emit === undefined) continue;
    json += `${i === 0 ? '' : ','}{"kind":"${emit.kind}","target":${quote(emit.target)},"contentType":${quote(emit.contentType)}`;
    if (emit.id !== undefined) json += `,"id":${quote(emit.id)}`;
    if (emit.type !== undefined) json += `,"type":${quote(emit.type)}`;
    if (emit.key !== null) {
      json += `,"key":${emit.key.length}`;
      raws.push(emit.key);
    }
    json += `,"value":${emit.value.length}`;
    raws.push(emit.value);
    json += `${headersJson(emit.headers, raws)}}`;
  }
  return `${json}]`;
}

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

function readOutcome(frame: Frame): Outcome {
  const { header } = frame;
  const kind = choiceField(header, 'outcome', ['ok', 'failed', 'returned']);
  switch (kind) {
    case 'ok':
      return readOk(frame);
    case 'failed':
      return {
        kind,
        reason: choiceField(header, 'reason', failureReasons),
        retryable: flagField(header, 'retryable'),
        error: readError(objectField(header, 'error')),
      };
    case 'returned':
      return { kind, why: choiceField(header, 'why', returnReasons) };
  }
}

/** The raw pieces follow in the order writes, answer, emits. */
function readOk({ header, raw }: Frame): OkOutcome {
  const writes = listField(header, 'writes').map(item => {
    const [key, length] = textAndLength(item, 'writes');
    return { key, value: length === -1 ? null : raw.take(length) };
  });
  const answerLength = optionalLength(header, 'answer');
  const answer = answerLength === undefined ? undefined : raw.take(answerLength);
  return {
    kind: 'ok',
    reads: listField(header, 'reads').map(readRead),
    writes,
    emits: listField(header, 'emits').map(item => readEmit({ header: asObject(item, 'emits'), raw })),
    answer,
    filtered: flagField(header, 'filtered'),
    busyMs: numberField(header, 'busyMs'),
    enteredAtMs: numberField(header, 'enteredAtMs'),
  };
}

function readRead(item: unknown): OkOutcome['reads'][number] {
  if (isArray(item) && typeof item[0] === 'string' && (item[1] === null || typeof item[1] === 'string'))
    return { key: item[0], version: item[1] };
  return wrong('reads', 'a list of [key, version]');
}

function readEmit(frame: Frame): WireEmit {
  const { header, raw } = frame;
  const kind = choiceField(header, 'kind', ['emit', 'start']);
  const keyLength = optionalLength(header, 'key');
  const key = keyLength === undefined ? null : raw.take(keyLength);
  const value = raw.take(integerField(header, 'value'));
  return {
    kind,
    target: textField(header, 'target'),
    key,
    value,
    contentType: textField(header, 'contentType'),
    id: optionalText(header, 'id'),
    type: optionalText(header, 'type'),
    headers: readHeaders(frame),
  };
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
