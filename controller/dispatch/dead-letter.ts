import { headerNames } from '../../runtime/protocol/headers.ts';
import type { WireError } from '../../runtime/protocol/messages.ts';
import { partitionOf } from '../ports/partition-of.ts';
import type { Emit } from '../ports/state.ts';
import type { NewRecord, RecordHeader } from '../ports/streams.ts';

/**
 * A dead letter is the original record, key, value and headers byte for byte, with a block of headers behind them. The block begins with
 * `faas-dead-letter`; the last such header counts, so that a dead letter of a dead letter can be read too. Only the marks of its delivery (upstream
 * and seq) are left out: they belong to the topic it came from, and readers of this one would take it for a repetition.
 */
export interface DeadLetter {
  readonly unit: string;
  readonly revision: string;
  readonly reason: string;
  readonly error: WireError;
  /** How often the handler was tried. */
  readonly attempts: number;
  /** How often a pod ended while it ran this event alone. */
  readonly crashes: number;
  readonly failedAtMs: number;
  readonly origin: Origin;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** As they were before it failed. */
  readonly headers: readonly RecordHeader[];
}

/** Where the event came from. `stream` is the manifest's name, '' for the inbox. */
export interface Origin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly stream: string;
}

const markHeader = 'faas-dead-letter';
const blockVersion = '1';
export const replayHeader = 'faas-replay';
export const originHeaders = {
  topic: 'faas-origin-topic',
  partition: 'faas-origin-partition',
  offset: 'faas-origin-offset',
  stream: 'faas-origin-stream',
} as const;
const blockHeaders = {
  unit: 'faas-unit',
  revision: 'faas-revision',
  reason: 'faas-reason',
  error: 'faas-error',
  attempts: 'faas-attempts',
  crashes: 'faas-crashes',
  failedAt: 'faas-failed-at-ms',
} as const;

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** The emit that keeps a failed event. Its partition is that of the key, or of the position for an event without one. */
export function deadLetterEmit(letter: DeadLetter, topic: string, partitions: number): Emit {
  const { origin } = letter;
  const block: [string, string][] = [
    [markHeader, blockVersion],
    [blockHeaders.unit, letter.unit],
    [blockHeaders.revision, letter.revision],
    [blockHeaders.reason, letter.reason],
    [blockHeaders.error, JSON.stringify(letter.error)],
    [blockHeaders.attempts, String(letter.attempts)],
    [blockHeaders.crashes, String(letter.crashes)],
    [blockHeaders.failedAt, String(letter.failedAtMs)],
    ...originBlock(origin),
  ];
  const headers = [...letter.headers.filter(isOfEvent), ...block.map(encoded)];
  const partition = partitionOf(letter.key, `${origin.topic}/${origin.partition}/${origin.offset}`, partitions);
  return { topic, partition, key: letter.key, value: letter.value, headers };
}

/** Reads a record of a dead-letter topic; undefined for a record that the runtime did not write. */
export function parseDeadLetter(record: Pick<NewRecord, 'key' | 'value' | 'headers'>): DeadLetter | undefined {
  const at = record.headers.findLastIndex(([name]) => name === markHeader);
  if (at < 0) return undefined;
  const block = new Map(record.headers.slice(at).map(([name, value]) => [name, text.decode(value)]));
  const number = (name: string) => Number(block.get(name) ?? Number.NaN);
  const error = parseError(block.get(blockHeaders.error) ?? '');
  const letter: DeadLetter = {
    unit: block.get(blockHeaders.unit) ?? '',
    revision: block.get(blockHeaders.revision) ?? '',
    reason: block.get(blockHeaders.reason) ?? '',
    error: error ?? { code: '', name: '', message: '', stack: undefined },
    attempts: number(blockHeaders.attempts),
    crashes: number(blockHeaders.crashes),
    failedAtMs: number(blockHeaders.failedAt),
    origin: {
      topic: block.get(originHeaders.topic) ?? '',
      partition: number(originHeaders.partition),
      offset: number(originHeaders.offset),
      stream: block.get(originHeaders.stream) ?? '',
    },
    key: record.key,
    value: record.value,
    headers: record.headers.slice(0, at),
  };
  const numbers = [letter.attempts, letter.crashes, letter.failedAtMs, letter.origin.partition, letter.origin.offset];
  return block.get(markHeader) === blockVersion && error !== undefined && numbers.every(Number.isSafeInteger) ? letter : undefined;
}

/**
 * A dead letter, or a past event, on its way back, as a record for the inbox of its function. `token` is new for each replay: the id of the event is remembered
 * as handled, and so it is the id together with the token that is de-duplicated. The handler sees the event as it was the first time.
 */
export function replayRecord(
  letter: Pick<DeadLetter, 'key' | 'value' | 'headers' | 'origin'>,
  token: string,
  inboxPartitions: number,
): NewRecord {
  const { origin } = letter;
  // A letter that fails again keeps the first origin; the position in the inbox means nothing to anybody.
  const dropped: readonly string[] = [replayHeader, ...Object.values(originHeaders)];
  const headers = letter.headers.filter(header => isOfEvent(header) && !dropped.includes(header[0]));
  const block: [string, string][] = [[replayHeader, token], ...originBlock(origin)];
  return {
    partition: partitionOf(letter.key, token, inboxPartitions),
    key: letter.key,
    value: letter.value,
    headers: [...headers, ...block.map(encoded)],
  };
}

function isOfEvent([name]: RecordHeader): boolean {
  return name !== headerNames.stream && name !== headerNames.seq;
}

function originBlock(origin: Origin): [string, string][] {
  return [
    [originHeaders.topic, origin.topic],
    [originHeaders.partition, String(origin.partition)],
    [originHeaders.offset, String(origin.offset)],
    [originHeaders.stream, origin.stream],
  ];
}

function encoded([name, value]: [string, string]): RecordHeader {
  return [name, utf8.encode(value)];
}

function parseError(json: string): WireError | undefined {
  try {
    const parsed: unknown = JSON.parse(json);
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    const { code, name, message, stack } = parsed as Record<string, unknown>;
    if (typeof code !== 'string' || typeof name !== 'string' || typeof message !== 'string') return undefined;
    return { code, name, message, stack: typeof stack === 'string' ? stack : undefined };
  } catch {
    return undefined;
  }
}
