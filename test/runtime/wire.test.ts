import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBatch, encodeBatch, readBatchHead } from '../../runtime/protocol/batch.ts';
import { decodeLoad, decodeLoadResult, encodeLoad, encodeLoadResult } from '../../runtime/protocol/control.ts';
import { type Frame, FrameReader, FrameWriter, readFrames } from '../../runtime/protocol/frame.ts';
import { type Batch, type EventResult, wireLimits } from '../../runtime/protocol/messages.ts';
import { encodeReply, type Reply, readReply } from '../../runtime/protocol/reply.ts';
import { acceptedVersion, commonVersion } from '../../runtime/protocol/version.ts';
import { sampleBatch, sampleLoad, sampleLoadResults, sampleReplies, sampleWebhooks } from './wire-samples.ts';

/** The bytes of a file in test/data/wire: hex digits, `#` begins a comment. Another implementation of a pod is tested against the same files. */
function golden(name: string): Uint8Array {
  const lines = readFileSync(new URL(`../data/wire/${name}.hex`, import.meta.url), 'utf8').split('\n');
  return Buffer.from(lines.map(line => line.replace(/#.*/, '').replaceAll(' ', '')).join(''), 'hex');
}

const joined = (parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

function repliesOf(bytes: Uint8Array): Reply[] {
  const replies: Reply[] = [];
  readFrames(bytes, frame => {
    const reply = readReply(frame);
    if (reply.kind === 'results') for (const result of reply.results) replies.push({ kind: 'result', result: plainResult(result) });
    else replies.push(reply);
  });
  return replies;
}

/** What was read, field by field: records are read in place. */
function plainResult({ index, outcome }: EventResult): EventResult {
  if (outcome.kind !== 'ok') return { index, outcome };
  const emits = outcome.emits.map(({ kind, target, key, value, contentType, id, type, headers }) => ({
    ...{ kind, target, key, value, contentType, id, type, headers },
  }));
  return { index, outcome: { ...outcome, emits } };
}

function plainBatch(bytes: Uint8Array): Batch {
  const batch = decodeBatch(bytes);
  return {
    ...batch,
    events: batch.events.map(event => ({
      index: event.index,
      attempt: event.attempt,
      trigger: event.trigger,
      stream: event.stream,
      topic: event.topic,
      partition: event.partition,
      offset: event.offset,
      appendedAtMs: event.appendedAtMs,
      key: event.key,
      value: event.value,
      headers: event.headers,
      remainingMs: event.remainingMs,
      noAnswer: event.noAnswer ?? false,
      idempotencyKey: event.idempotencyKey,
    })),
  };
}

describe('golden bytes, in both directions', () => {
  test('a batch', () => {
    expect(Buffer.from(encodeBatch(sampleBatch)).toString('hex')).toBe(Buffer.from(golden('batch')).toString('hex'));
    expect(plainBatch(plain(golden('batch')))).toEqual({
      ...sampleBatch,
      events: sampleBatch.events.map(event => ({ ...event, noAnswer: false })),
    });
  });

  test('a batch with an event whose answer nobody waits for', () => {
    expect(Buffer.from(encodeBatch(sampleWebhooks)).toString('hex')).toBe(Buffer.from(golden('batch-no-answer')).toString('hex'));
    expect(plainBatch(plain(golden('batch-no-answer')))).toEqual(sampleWebhooks);
  });

  test('the replies to a batch', () => {
    expect(joined(sampleReplies.map(encodeReply)).toString()).toBe(golden('replies').toString());
    expect(repliesOf(plain(golden('replies')))).toEqual(sampleReplies);
  });

  test('a load', () => {
    expect(Buffer.from(encodeLoad(sampleLoad, 10_000)).toString('hex')).toBe(Buffer.from(golden('load')).toString('hex'));
    readFrames(plain(golden('load')), frame => expect(decodeLoad(frame)).toEqual({ request: sampleLoad, loadTimeoutMs: 10_000 }));
  });

  test.each(sampleLoadResults.map(result => [result.kind, result] as const))('a load that is %s', (kind, result) => {
    expect(Buffer.from(encodeLoadResult(result)).toString('hex')).toBe(Buffer.from(golden(`load-${kind}`)).toString('hex'));
    expect(decodeLoadResult(plain(golden(`load-${kind}`)))).toEqual(result);
  });
});

describe('frames', () => {
  const frameOf = fc.record({ header: fc.dictionary(fc.string(), fc.jsonValue()), raw: fc.uint8Array({ maxLength: 300 }) });

  test('are the same however the bytes are split', () => {
    fc.assert(
      fc.property(fc.array(frameOf, { maxLength: 8 }), fc.array(fc.nat(40), { maxLength: 60 }), (frames, cuts) => {
        const writer = new FrameWriter(16);
        for (const { header, raw } of frames) writer.write(JSON.stringify(header), [raw]);
        const bytes = writer.take();
        const reader = new FrameReader();
        const read: { header: unknown; raw: Uint8Array }[] = [];
        const take = (frame: Frame) => {
          const index = read.length;
          read.push({ header: { ...frame.header }, raw: plain(frame.raw.take(frames[index]?.raw.length ?? 0)) });
        };
        let at = 0;
        for (const cut of cuts) {
          reader.push(bytes.slice(at, at + cut), take);
          at = Math.min(bytes.length, at + cut);
        }
        reader.push(bytes.slice(at), take);
        expect(reader.clean).toBe(true);
        expect(read).toEqual(frames.map(({ header, raw }) => ({ header: JSON.parse(JSON.stringify(header)), raw })));
      }),
    );
  });

  test('any bytes are frames, an unfinished one, or FAAS_WIRE: never another error, and never more memory than a frame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
        try {
          new FrameReader(1024).push(bytes, frame => readReply(frame));
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^FAAS_WIRE/) });
        }
      }),
    );
  });

  test.each([
    ['too large by one byte', wireLimits.frameBytesMax - 4 - 2 + 1, 'FAAS_WIRE_FRAME_TOO_LARGE'],
    ['as large as may be', wireLimits.frameBytesMax - 4 - 2, undefined],
  ])('a frame %s', (_, rawBytes, code) => {
    const writer = new FrameWriter();
    const write = () => writer.write('{}', [new Uint8Array(rawBytes)]);
    if (code === undefined) {
      write();
      expect(writer.length).toBe(4 + wireLimits.frameBytesMax);
    } else {
      expect(write).toThrow(expect.objectContaining({ code }));
      expect(writer.length).toBe(0);
    }
  });

  test('what is taken is its own, also when nothing was written: buffers are handed over', () => {
    const writers = [new FrameWriter(), new FrameWriter(new Uint8Array(64))];
    for (const writer of writers) {
      for (const header of ['{"a":1}', undefined, undefined, `{"b":"${'x'.repeat(200)}"}`, undefined]) {
        if (header !== undefined) writer.write(header, []);
        const taken = writer.take();
        structuredClone(taken, { transfer: [taken.buffer] });
        expect(taken.length).toBe(0);
      }
    }
  });

  test('a length beyond the limit is refused before the bytes arrive', () => {
    expect(() => new FrameReader().push(new Uint8Array([0x7f, 0, 0, 0]), () => {})).toThrow(
      expect.objectContaining({ code: 'FAAS_WIRE_FRAME_TOO_LARGE' }),
    );
    const split = new FrameReader();
    split.push(new Uint8Array([0x7f]), () => {});
    expect(() => split.push(new Uint8Array([0, 0, 0, 1]), () => {})).toThrow(
      expect.objectContaining({ code: 'FAAS_WIRE_FRAME_TOO_LARGE' }),
    );
  });
});

describe('batches and replies', () => {
  const bytesOf = fc.uint8Array({ maxLength: 40 });
  const eventOf = fc.record({
    attempt: fc.nat(9),
    trigger: fc.constantFrom('stream', 'webhook', 'schedule', 'resource', 'lag', 'start', 'call'),
    stream: fc.constantFrom('', 'orders', 'sales.orders'),
    topic: fc.string(),
    partition: fc.nat(100),
    offset: fc.integer({ min: -1, max: 2 ** 52 }),
    appendedAtMs: fc.nat(),
    key: fc.option(bytesOf),
    value: fc.option(bytesOf),
    headers: fc.array(fc.tuple(fc.string(), bytesOf), { maxLength: 3 }),
    remainingMs: fc.option(fc.nat(), { nil: undefined }),
    noAnswer: fc.boolean(),
    idempotencyKey: fc.string({ unit: 'binary' }),
  });

  test('a batch is read as it was written', () => {
    fc.assert(
      fc.property(
        fc.array(eventOf, { maxLength: 6 }),
        fc.array(fc.record({ key: fc.string(), version: fc.option(fc.string()), value: fc.option(bytesOf, { nil: undefined }) })),
        fc.record({ callbackUrl: fc.webUrl(), exclusive: fc.constant(true), waits: fc.constant(true) }, { requiredKeys: [] }),
        (events, state, how) => {
          const batch = {
            batchToken: 't',
            unit: 'a.b',
            revision: 'r',
            ...how,
            state,
            events: events.map((event, index) => ({ ...event, index })),
          };
          const bytes = encodeBatch(batch);
          expect(plainBatch(bytes)).toEqual(batch);
          expect(readBatchHead(bytes)).toEqual({
            unit: 'a.b',
            revision: 'r',
            eventCount: events.length,
            exclusive: how.exclusive ?? false,
            waits: how.waits ?? false,
          });
        },
      ),
    );
  });

  test('a log with fields that say `__proto__` is only a log', () => {
    const [reply] = repliesOf(
      encodeReply({
        kind: 'log',
        log: { index: 0, level: 'info', message: 'm', fields: JSON.parse('{"__proto__":{"a":1}}'), atMs: 1, traceparent: undefined },
      }),
    );
    expect(reply?.kind === 'log' && Object.keys(reply.log.fields ?? {})).toEqual(['__proto__']);
    expect(Reflect.get({}, 'a')).toBeUndefined();
  });

  test('more events than a batch may have are refused by both sides', () => {
    const [event] = sampleBatch.events;
    const events = Array.from({ length: wireLimits.batchEventsMax + 1 }, () => event ?? sampleBatch.events[1]).flatMap(one => one ?? []);
    expect(() => encodeBatch({ ...sampleBatch, events })).toThrow(expect.objectContaining({ code: 'FAAS_WIRE' }));
    const writer = new FrameWriter();
    writer.write(`{"kind":"batch","batchToken":"t","unit":"a.b","revision":"r","states":0,"events":${wireLimits.batchEventsMax + 1}}`, []);
    expect(() => readBatchHead(writer.take())).toThrow(expect.objectContaining({ code: 'FAAS_WIRE' }));
  });

  test('a batch whose events are not numbered by their places is refused by both sides', () => {
    const misplaced = expect.objectContaining({ code: 'FAAS_WIRE', message: 'the event at place 1 of a batch says that it is at 2' });
    const events = sampleBatch.events.map((event, place) => ({ ...event, index: place === 1 ? 2 : place }));
    expect(() => encodeBatch({ ...sampleBatch, events })).toThrow(misplaced);
    const bytes = Buffer.from(encodeBatch(sampleBatch));
    const indexAndOffset = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 42];
    bytes[bytes.indexOf(Buffer.from(indexAndOffset)) + 3] = 2;
    expect(() => decodeBatch(bytes)).toThrow(misplaced);
  });

  test('a batch with fewer events than it announces is refused', () => {
    const bytes = encodeBatch({ ...sampleBatch, events: [] });
    const text = Buffer.from(bytes).toString('latin1').replace('"events":0', '"events":7');
    expect(() => decodeBatch(Buffer.from(text, 'latin1'))).toThrow('announced 2 states and 7 events, and has 2 and 0');
  });
});

test.each([
  ['1', 1],
  ['2', undefined],
  ['1.0x', undefined],
  [undefined, undefined],
])('a request of wire version %s is taken as %s', (header, version) => {
  expect(acceptedVersion(header)).toBe(version);
});

test.each([
  [[1], 1],
  [[3, 1, 2], 1],
  [[2, 3], undefined],
  [[], undefined],
])('with a pod that speaks %j the version is %s', (theirs, version) => {
  expect(commonVersion(theirs)).toBe(version);
});
