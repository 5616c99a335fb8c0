import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GroupMember, NewRecord, StreamRecord, Streams, StreamsCapabilities, TopicPartition } from '../../controller/ports/streams.ts';
import { type SettableClock, settableClock } from './settable-clock.ts';

export interface StreamsUnderTest {
  streams: Streams;
  /** Ends the adapter and opens it again on the same data; undefined: nothing outlives it. */
  readonly reopen?: () => Promise<void>;
  /** Makes the next offsets of the partition holes. */
  readonly skipOffsets: (at: TopicPartition, count: number) => Promise<void>;
  close(): Promise<void>;
}

const topic = 'orders';
const all = { records: 1000, bytes: 1_000_000 };
const never = new AbortController().signal;

/** The laws T1 to T8 of controller/ports/streams.ts, for one adapter. `retention`: as its capabilities say; where it is the broker's, what it removes and when is tested there. */
export function streamsContract(
  adapter: string,
  open: (clock: SettableClock) => Promise<StreamsUnderTest>,
  retention: StreamsCapabilities['retention'] = 'expire',
): void {
  describe(`streams on ${adapter}`, () => {
    let clock: SettableClock;
    let subject: StreamsUnderTest;
    let streams: Streams;

    beforeEach(async () => {
      clock = settableClock();
      subject = await open(clock);
      streams = subject.streams;
      expect(streams.capabilities.retention).toBe(retention);
    });
    afterEach(() => subject.close());

    describe('topics', () => {
      test('a topic is created once and keeps its number of partitions', async () => {
        expect(await streams.ensureTopic(topic, { partitions: 3 })).toEqual({ topic, partitions: 3 });
        const topicId = await streams.topicId(topic);
        expect(topicId).toMatch(/^[\w-]+$/);
        expect(await streams.ensureTopic(topic, { partitions: 8 })).toEqual({ topic, partitions: 3 });
        expect(await streams.describeTopic(topic)).toEqual({ topic, partitions: 3 });
        expect(await streams.topicId(topic)).toBe(topicId);
        expect(await streams.topicId('none')).toBeUndefined();
        expect(await streams.describeTopic('none')).toBeUndefined();
      });

      test('topics are listed by name', async () => {
        for (const name of ['b', 'a', 'c']) await streams.ensureTopic(name, { partitions: 1 });
        expect((await streams.listTopics()).map(info => info.topic)).toEqual(['a', 'b', 'c']);
      });

      test('T8 a deleted topic is gone with its records and offsets, and comes back empty with another id', async () => {
        await streams.ensureTopic(topic, { partitions: 2 });
        const topicId = await streams.topicId(topic);
        await streams.append(topic, [record(1, 'a')]);
        await streams.setCommitted('g', topic, [{ partition: 1, offset: 1, metadata: '' }], 'replace');
        await streams.deleteTopic(topic);
        await expect(streams.append(topic, [record(0, 'a')])).rejects.toMatchObject({ code: 'FAAS_STREAM_UNKNOWN_TOPIC' });
        await streams.ensureTopic(topic, { partitions: 2 });
        expect(await streams.topicId(topic)).not.toBe(topicId);
        expect(await streams.bounds(topic)).toEqual([
          { partition: 0, startOffset: 0, endOffset: 0 },
          { partition: 1, startOffset: 0, endOffset: 0 },
        ]);
        expect(await streams.committed('g', topic)).toEqual([]);
      });

      test.each([
        ['append', () => streams.append('none', [record(0, 'a')])],
        ['bounds', () => streams.bounds('none')],
        ['offsetsAt', () => streams.offsetsAt('none', 0)],
        ['read', () => streams.read('none', 0, 0, all)],
      ])('%s of a topic that is not there is FAAS_STREAM_UNKNOWN_TOPIC', async (_, call) => {
        await expect(call()).rejects.toMatchObject({ code: 'FAAS_STREAM_UNKNOWN_TOPIC' });
      });

      test('an append that names a partition that is not there appends nothing', async () => {
        await streams.ensureTopic(topic, { partitions: 2 });
        await expect(streams.append(topic, [record(0, 'a'), record(2, 'b')])).rejects.toMatchObject({
          code: 'FAAS_STREAM_UNKNOWN_PARTITION',
        });
        expect((await streams.bounds(topic)).map(bound => bound.endOffset)).toEqual([0, 0]);
      });
    });

    describe('append and read', () => {
      beforeEach(async () => {
        await streams.ensureTopic(topic, { partitions: 2 });
      });

      test('T1 records of one call to one partition keep their order, each partition counts for itself', async () => {
        const records = [record(1, 'a'), record(0, 'b'), record(1, 'c'), record(1, 'd'), record(0, 'e')];
        expect(await streams.append(topic, records)).toEqual([0, 0, 1, 2, 1]);
        expect(await streams.append(topic, [record(1, 'f')])).toEqual([3]);
        expect(await values(1)).toEqual(['a', 'c', 'd', 'f']);
        expect(await values(0)).toEqual(['b', 'e']);
      });

      test('T1 appends that run at the same time are all there, each in its order', async () => {
        const offsets = await Promise.all(
          Array.from({ length: 50 }, (_, i) => streams.append(topic, [record(0, `${i}a`), record(0, `${i}b`)])),
        );
        const read = await values(0);
        expect(offsets.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
        offsets.forEach(([first = -1, second = -1], i) => {
          expect(second).toBe(first + 1);
          expect([read[first], read[second]]).toEqual([`${i}a`, `${i}b`]);
        });
      });

      test('an append of nothing answers nothing', async () => {
        expect(await streams.append(topic, [])).toEqual([]);
      });

      test.each<[string, Pick<NewRecord, 'key' | 'value' | 'headers'>]>([
        ['key, value and headers', { key: bytes('k'), value: bytes('v'), headers: [['h', bytes('x')]] }],
        ['no key', { key: null, value: bytes('v'), headers: [] }],
        ['no value', { key: bytes('k'), value: null, headers: [] }],
        ['neither', { key: null, value: null, headers: [] }],
        ['empty ones, which are not null', { key: bytes(''), value: bytes(''), headers: [['', bytes('')]] }],
        [
          'names that repeat, in order',
          {
            key: null,
            value: null,
            headers: [
              ['h', bytes('1')],
              ['h', bytes('2')],
              ['g', bytes('3')],
            ],
          },
        ],
        ['any bytes', { key: Uint8Array.of(0, 255, 128, 0), value: Uint8Array.of(0xff, 0), headers: [['ü\0', Uint8Array.of(0, 1)]] }],
        ['a large value', { key: bytes('k'), value: new Uint8Array(300_000).fill(7), headers: [] }],
      ])('a record comes back as it was: %s', async (_, content) => {
        await streams.append(topic, [{ partition: 0, ...content }]);
        const { records } = await streams.read(topic, 0, 0, all);
        expect(records.map(plain)).toEqual([{ offset: 0, appendedAtMs: clock.nowMs, ...content }].map(plain));
      });

      test('T2 a read answers ascending offsets and goes on where it stopped', async () => {
        await appendValues(0, 'a', 'b', 'c', 'd', 'e');
        const first = await streams.read(topic, 0, 1, { records: 2, bytes: 1000 });
        expect(first.records.map(text)).toEqual(['b', 'c']);
        expect(first.nextOffset).toBe(3);
        const rest = await streams.read(topic, 0, first.nextOffset, all);
        expect(rest.records.map(text)).toEqual(['d', 'e']);
        expect(rest.nextOffset).toBe(5);
        expect(await streams.read(topic, 0, 5, all)).toEqual({ records: [], nextOffset: 5 });
      });

      test('T2 nextOffset passes holes, at the end of the log too', async () => {
        await appendValues(0, 'a');
        await subject.skipOffsets({ topic, partition: 0 }, 3);
        await appendValues(0, 'b');
        await subject.skipOffsets({ topic, partition: 0 }, 1);
        const { records, nextOffset } = await subject.streams.read(topic, 0, 0, all);
        expect(records.map(({ offset }) => offset)).toEqual([0, 4]);
        expect(nextOffset).toBe(6);
        expect((await subject.streams.read(topic, 0, 2, all)).records.map(text)).toEqual(['b']);
        expect(await subject.streams.read(topic, 0, 5, all)).toEqual({ records: [], nextOffset: 6 });
      });

      test('a read stops before its bytes are exceeded, but answers one record at least', async () => {
        await appendValues(0, 'x'.repeat(1000), 'y'.repeat(1000), 'z'.repeat(1000));
        expect((await streams.read(topic, 0, 0, { records: 10, bytes: 2500 })).records.length).toBe(2);
        expect((await streams.read(topic, 0, 0, { records: 10, bytes: 1 })).records.length).toBe(1);
      });

      test('an empty partition has nothing to read', async () => {
        expect(await streams.read(topic, 0, 0, all)).toEqual({ records: [], nextOffset: 0 });
      });

      test('T2 a large log is read in pieces without a gap, whatever the pieces', async () => {
        const written = Array.from({ length: 3000 }, (_, i) => `${i}-${'v'.repeat(i % 200)}`);
        for (let i = 0; i < written.length; i += 750) await appendValues(1, ...written.slice(i, i + 750));
        const read: string[] = [];
        for (let offset = 0; offset < written.length; ) {
          const part = await streams.read(topic, 1, offset, { records: 1 + (offset % 313), bytes: 20_000 });
          read.push(...part.records.map(text));
          expect(part.nextOffset).toBe(offset + part.records.length);
          offset = part.nextOffset;
        }
        expect(read).toEqual(written);
      });
    });

    describe('bounds, time and retention', () => {
      const expiring = (title: string, body: () => Promise<void>) => (retention === 'expire' ? test(title, body) : undefined);

      test('T5 bounds are those of the log', async () => {
        await streams.ensureTopic(topic, { partitions: 2 });
        await appendValues(1, 'a', 'b');
        expect(await streams.bounds(topic)).toEqual([
          { partition: 0, startOffset: 0, endOffset: 0 },
          { partition: 1, startOffset: 0, endOffset: 2 },
        ]);
      });

      test('offsetsAt answers the first record at or after the time, else the end', async () => {
        await streams.ensureTopic(topic, { partitions: 2 });
        const start = clock.nowMs;
        for (const afterMs of [0, 10, 10, 20]) {
          clock.nowMs = start + afterMs;
          await appendValues(0, `at ${afterMs}`);
        }
        const at = async (afterMs: number) => (await streams.offsetsAt(topic, start + afterMs)).map(({ offset }) => offset);
        expect(await at(-1)).toEqual([0, 0]);
        expect(await at(0)).toEqual([0, 0]);
        expect(await at(1)).toEqual([1, 0]);
        expect(await at(10)).toEqual([1, 0]);
        expect(await at(11)).toEqual([3, 0]);
        expect(await at(20)).toEqual([3, 0]);
        expect(await at(21)).toEqual([4, 0]);
      });

      expiring('T6 retention by age removes what is older, and keeps offsets', async () => {
        await streams.ensureTopic(topic, { partitions: 1, retention: { ageMs: 1000 } });
        await appendValues(0, 'old', 'older');
        clock.nowMs += 500;
        await appendValues(0, 'young');
        expect(await streams.expire(clock.nowMs + 500)).toBe(0);
        expect(await streams.expire(clock.nowMs + 501)).toBe(2);
        expect(await streams.bounds(topic)).toEqual([{ partition: 0, startOffset: 2, endOffset: 3 }]);
        expect(await streams.ends([topic, 'none'])).toEqual(new Map([[topic, [3]]]));
        const { records, nextOffset } = await streams.read(topic, 0, 0, all);
        expect(records.map(record => [record.offset, text(record)])).toEqual([[2, 'young']]);
        expect(nextOffset).toBe(3);
      });

      expiring('T6 a partition that retention emptied goes on at its end', async () => {
        await streams.ensureTopic(topic, { partitions: 1, retention: { ageMs: 1000 } });
        await appendValues(0, 'a', 'b');
        expect(await streams.expire(clock.nowMs + 1001)).toBe(2);
        expect(await streams.bounds(topic)).toEqual([{ partition: 0, startOffset: 2, endOffset: 2 }]);
        expect(await streams.read(topic, 0, 0, all)).toEqual({ records: [], nextOffset: 2 });
        if (subject.reopen !== undefined) await subject.reopen();
        streams = subject.streams;
        expect(await streams.append(topic, [record(0, 'c')])).toEqual([2]);
        expect(await values(0)).toEqual(['c']);
      });

      expiring('T6 retention by bytes removes the oldest until the rest fits', async () => {
        await streams.ensureTopic(topic, { partitions: 1, retention: { bytesPerPartition: 2500 } });
        for (const value of ['a', 'b', 'c', 'd']) await appendValues(0, value.repeat(1000));
        expect(await streams.expire(clock.nowMs)).toBe(2);
        expect((await values(0)).map(value => value[0])).toEqual(['c', 'd']);
        expect(await streams.expire(clock.nowMs)).toBe(0);
      });

      test('T6 a topic without retention keeps everything', async () => {
        await streams.ensureTopic(topic, { partitions: 1 });
        await appendValues(0, 'a');
        expect(await streams.expire(clock.nowMs + 1e12)).toBe(0);
        expect(await values(0)).toEqual(['a']);
      });

      expiring('T6 retention of many records over many partitions', async () => {
        await streams.ensureTopic(topic, { partitions: 20, retention: { ageMs: 1000 } });
        for (let i = 0; i < 100; i += 1)
          await streams.append(
            topic,
            Array.from({ length: 20 }, (_, partition) => record(partition, `${i}`)),
          );
        clock.nowMs += 2000;
        await streams.append(topic, [record(7, 'kept')]);
        expect(await streams.expire(clock.nowMs)).toBe(2000);
        expect((await streams.bounds(topic)).every(bound => bound.startOffset === 100)).toBe(true);
        expect(await values(7)).toEqual(['kept']);
      });
    });

    describe('groups', () => {
      const group = 'faas.shop.totals';

      beforeEach(async () => {
        await streams.ensureTopic(topic, { partitions: 4 });
      });

      test('a single member gets all partitions, after join was answered', async () => {
        const member = await join();
        expect(member.owned()).toEqual([]);
        await member.settled();
        expect(member.owned()).toEqual([0, 1, 2, 3]);
      });

      test('a member of several topics gets the partitions of each, also of one that comes later', async () => {
        const events: string[] = [];
        await streams.join({
          group,
          topics: [topic, 'later'],
          onAssigned: assigned => events.push(...assigned.map(at => `${at.topic}.${at.partition}`)),
          onRevoked: () => events.push('revoked'),
          onLost: () => events.push('lost'),
        });
        await until(() => events.length === 4);
        await streams.ensureTopic('later', { partitions: 2 });
        await until(() => events.length === 6);
        expect(events).toEqual(['orders.0', 'orders.1', 'orders.2', 'orders.3', 'later.0', 'later.1']);
      });

      test('T3 partitions are shared without overlap when a second member joins, and taken back when it leaves', async () => {
        const one = await join();
        await one.settled();
        const two = await join();
        await until(() => two.owned().length === 2);
        expect([...one.owned(), ...two.owned()].toSorted()).toEqual([0, 1, 2, 3]);
        await two.member.leave();
        expect(two.owned()).toEqual([]);
        await until(() => one.owned().length === 4);
      });

      /** So many records in each partition. */
      const fill = (count: number) =>
        streams.append(
          topic,
          [0, 1, 2, 3].flatMap(partition => Array.from({ length: count }, (_, n) => record(partition, `${n}`))),
        );

      test('T3 a commit of a member that lost the partition is fenced and changes nothing', async () => {
        await fill(10);
        const one = await join();
        await one.settled();
        expect(await one.member.commit({ topic, partition: 1 }, 5, 'one')).toBe('ok');
        const two = await join();
        await until(() => two.owned().length === 2);
        const [lost = -1] = two.owned();
        expect(await two.member.commit({ topic, partition: lost }, 7, 'two')).toBe('ok');
        expect(await one.member.commit({ topic, partition: lost }, 9, 'one')).toBe('fenced');
        expect(await two.member.committed({ topic, partition: lost })).toEqual({ partition: lost, offset: 7, metadata: 'two' });
        await two.member.leave();
        expect(await two.member.commit({ topic, partition: lost }, 10, 'two')).toBe('fenced');
      });

      test('T3 the group tells a member what it owns, whatever the member was told last', async () => {
        const one = await join();
        await one.settled();
        const owned = async (by: GroupMember) => {
          const asked = await Promise.all([0, 1, 2, 3].map(partition => by.isAssigned({ topic, partition })));
          return [0, 1, 2, 3].filter(partition => asked[partition]);
        };
        expect(await owned(one.member)).toEqual([0, 1, 2, 3]);
        const two = await join();
        await until(() => two.owned().length === 2);
        expect([await owned(one.member), await owned(two.member)]).toEqual([one.owned(), two.owned()]);
        await two.member.leave();
        expect(await owned(two.member)).toEqual([]);
      });

      test('T3 groups do not know each other', async () => {
        const one = await join();
        const other = await join('other');
        await Promise.all([one.settled(), other.settled()]);
        expect([one.owned(), other.owned()]).toEqual([
          [0, 1, 2, 3],
          [0, 1, 2, 3],
        ]);
        await fill(1);
        await one.member.commit({ topic, partition: 0 }, 1, 'm');
        expect(await streams.committed('other', topic)).toEqual([]);
      });

      test('T4 offsets and metadata are read back exactly', async () => {
        const one = await join();
        await one.settled();
        expect(await one.member.committed({ topic, partition: 0 })).toBeUndefined();
        await fill(7);
        await one.member.commit({ topic, partition: 2 }, 7, '{"generation":1700000000001,"text":"ü"}');
        await one.member.commit({ topic, partition: 0 }, 0, '');
        if (subject.reopen !== undefined) await subject.reopen();
        expect(await subject.streams.committed(group, topic)).toEqual([
          { partition: 0, offset: 0, metadata: '' },
          { partition: 2, offset: 7, metadata: '{"generation":1700000000001,"text":"ü"}' },
        ]);
      });

      test('T4 an offset beyond the end is refused and changes nothing; one at the end is taken', async () => {
        await fill(3);
        const one = await join();
        await one.settled();
        const at = { topic, partition: 1 };
        await expect(one.member.commit(at, 4, 'beyond')).rejects.toMatchObject({ code: 'FAAS_STREAM_UNKNOWN_TOPIC' });
        expect(await one.member.committed(at)).toBeUndefined();
        expect(await one.member.commit(at, 3, 'end')).toBe('ok');
        expect(await one.member.committed(at)).toEqual({ partition: 1, offset: 3, metadata: 'end' });
      });

      test('offsets of a group are pinned once, and replaced only while it has no members', async () => {
        await streams.setCommitted(group, topic, [{ partition: 0, offset: 2 ** 39, metadata: 'first' }], 'ifAbsent');
        await streams.setCommitted(
          group,
          topic,
          [0, 1].map(partition => ({ partition, offset: 9, metadata: 'second' })),
          'ifAbsent',
        );
        const offsets = async () => (await streams.committed(group, topic)).map(({ offset, metadata }) => [offset, metadata]);
        expect(await offsets()).toEqual([
          [2 ** 39, 'first'],
          [9, 'second'],
        ]);
        await streams.setCommitted(group, topic, [{ partition: 1, offset: 0, metadata: '' }], 'replace');
        expect(await offsets()).toEqual([
          [2 ** 39, 'first'],
          [0, ''],
        ]);
        const one = await join();
        const replaced = streams.setCommitted(group, topic, [{ partition: 1, offset: 1, metadata: '' }], 'replace');
        await expect(replaced).rejects.toMatchObject({ code: 'FAAS_GROUP_HAS_MEMBERS' });
        await expect(streams.deleteGroup(group)).rejects.toMatchObject({ code: 'FAAS_GROUP_HAS_MEMBERS' });
        await one.member.leave();
        await streams.deleteGroup(group);
        expect(await offsets()).toEqual([]);
      });

      test('T8 a fetch for the topic that was there before is refused, whatever the new one has', async () => {
        await fill(3);
        const one = await join();
        await one.settled();
        const at = { topic, partition: 0 };
        const fetch = (id: string | undefined) =>
          one.member.fetch(at, 3, { ...all, waitMs: 10_000, signal: AbortSignal.timeout(10_000), topicId: id });
        const before = await streams.topicId(topic);
        await appendValues(0, 'old');
        expect((await fetch(before)).records.map(text)).toEqual(['old']);
        await streams.deleteTopic(topic);
        await streams.ensureTopic(topic, { partitions: 4 });
        await fill(5);
        // The group may share anew meanwhile; what is not assigned answers nothing.
        const answer = async () => {
          for (;;) {
            const { nextOffset, records } = await fetch(before);
            if (nextOffset !== 3) return records.map(text);
            await new Promise(resolve => setTimeout(resolve, 10));
          }
        };
        await expect(answer()).rejects.toMatchObject({ code: 'FAAS_STREAM_MADE_AGAIN' });
        await until(() => one.owned().includes(0));
        expect((await fetch(await streams.topicId(topic))).records.length).toBe(2);
      });

      test('T7 a fetch answers at once what is there', async () => {
        await appendValues(0, 'a', 'b');
        const one = await join();
        await one.settled();
        const { records, nextOffset } = await one.member.fetch({ topic, partition: 0 }, 1, { ...all, waitMs: 10_000, signal: never });
        expect([records.map(text), nextOffset]).toEqual([['b'], 2]);
      });

      test('T7 a waiting fetch answers after an append, and only that of the partition', async () => {
        const one = await join();
        await one.settled();
        const waiting = [0, 1].map(partition => one.member.fetch({ topic, partition }, 0, { ...all, waitMs: 10_000, signal: never }));
        await appendValues(1, 'a');
        expect((await waiting[1])?.records.map(text)).toEqual(['a']);
        await appendValues(0, 'b');
        expect((await waiting[0])?.records.map(text)).toEqual(['b']);
      });

      test('T7 a waiting fetch passes a hole', async () => {
        const one = await join();
        await one.settled();
        const at = { topic, partition: 0 };
        await subject.skipOffsets(at, 2);
        await appendValues(0, 'a');
        const { records } = await one.member.fetch(at, 0, { ...all, waitMs: 10_000, signal: never });
        expect(records.map(({ offset }) => offset)).toEqual([2]);
      });

      test('T7 a fetch without records answers when its time is over', async () => {
        const one = await join();
        await one.settled();
        clock.now = () => clock.nowMs + performance.now();
        const answer = one.member.fetch({ topic, partition: 0 }, 0, { ...all, waitMs: 20, signal: never });
        expect(await answer).toEqual({ records: [], nextOffset: 0 });
      });

      test('T7 an abort ends the wait', async () => {
        const one = await join();
        await one.settled();
        const abort = new AbortController();
        const waiting = one.member.fetch({ topic, partition: 0 }, 0, { ...all, waitMs: 60_000, signal: abort.signal });
        abort.abort();
        expect(await waiting).toEqual({ records: [], nextOffset: 0 });
        expect(await one.member.fetch({ topic, partition: 0 }, 0, { ...all, waitMs: 60_000, signal: abort.signal })).toEqual({
          records: [],
          nextOffset: 0,
        });
      });

      test('T7 a fetch of a partition that is not assigned any more answers nothing, at once', async () => {
        await appendValues(0, 'a');
        const one = await join();
        await one.settled();
        const waiting = one.member.fetch({ topic, partition: 1 }, 0, { ...all, waitMs: 60_000, signal: never });
        await one.member.leave();
        expect(await waiting).toEqual({ records: [], nextOffset: 0 });
        expect(await one.member.fetch({ topic, partition: 0 }, 0, { ...all, waitMs: 60_000, signal: never })).toEqual({
          records: [],
          nextOffset: 0,
        });
      });

      async function join(name = group) {
        const owned = new Set<number>();
        let changes = 0;
        const member: GroupMember = await streams.join({
          group: name,
          topics: [topic],
          onAssigned(assigned) {
            changes += 1;
            for (const { partition } of assigned) owned.add(partition);
          },
          onRevoked(revoked) {
            for (const { partition } of revoked) owned.delete(partition);
          },
          onLost() {},
        });
        return { member, owned: () => [...owned].toSorted((a, b) => a - b), settled: () => until(() => changes > 0) };
      }
    });

    test('T1 T4 what was acknowledged is there after the adapter was opened again', async () => {
      if (subject.reopen === undefined) return;
      await streams.ensureTopic(topic, { partitions: 2 });
      const topicId = await streams.topicId(topic);
      await appendValues(1, 'a', 'b');
      await subject.reopen();
      streams = subject.streams;
      expect(await streams.describeTopic(topic)).toEqual({ topic, partitions: 2 });
      expect(await streams.topicId(topic)).toBe(topicId);
      expect(await values(1)).toEqual(['a', 'b']);
      expect(await streams.append(topic, [record(1, 'c')])).toEqual([2]);
    });

    async function appendValues(partition: number, ...texts: string[]): Promise<void> {
      await subject.streams.append(
        topic,
        texts.map(value => record(partition, value)),
      );
    }

    async function values(partition: number): Promise<string[]> {
      return (await subject.streams.read(topic, partition, 0, { records: 10_000, bytes: 10_000_000 })).records.map(text);
    }
  });
}

function record(partition: number, value: string): NewRecord {
  return { partition, key: null, value: bytes(value), headers: [] };
}

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function text({ value }: StreamRecord): string {
  return new TextDecoder().decode(value ?? undefined);
}

/** A record in which only contents count, not classes or the buffers behind views. */
function plain({ offset, appendedAtMs, key, value, headers }: StreamRecord) {
  const list = (part: Uint8Array | null) => part && [...part];
  return { offset, appendedAtMs, key: list(key), value: list(value), headers: headers.map(([name, header]) => [name, list(header)]) };
}

/** Looks once per turn of the event loop. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setImmediate(resolve));
}
