import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type History, type HistoryEntry, historyBounds, type NewHistoryEntry } from '../../controller/ports/history.ts';

export interface HistoryUnderTest {
  history: History;
  /** Ends the adapter and opens it again on the same data; undefined: nothing outlives it. */
  readonly reopen?: () => Promise<void>;
  close(): Promise<void>;
}

/** The laws H1 to H3 of controller/ports/history.ts, for one adapter. */
export function historyContract(adapter: string, open: () => Promise<HistoryUnderTest>): void {
  describe(`history on ${adapter}`, () => {
    let subject: HistoryUnderTest;
    let history: History;

    beforeEach(async () => {
      subject = await open();
      history = subject.history;
    });
    afterEach(() => subject.close());

    test('H1 entries of a kind are read in the order they were written, ids ascending', async () => {
      for (const n of [1, 2, 3]) history.write(log(n));
      history.write({ ...log(4), kind: 'decision' });
      await history.flush();
      const entries = await history.read({ kind: 'log', limit: 10 });
      expect(entries.map(({ data }) => data)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
      expect(entries.map(({ id }) => id)).toEqual(entries.map(({ id }) => id).toSorted((a, b) => a - b));
      expect(new Set(entries.map(({ id }) => id)).size).toBe(3);
      expect(entries[0]).toEqual({ id: entries[0]?.id, ...log(1) });
    });

    test.each([
      ['the last ones without afterId', { limit: 2 }, [4, 5]],
      ['all when there are fewer', { limit: 9 }, [1, 2, 3, 4, 5]],
      ['of one unit', { limit: 9, unit: 'shop.even' }, [2, 4]],
      ['the last ones of one unit', { limit: 1, unit: 'shop.odd' }, [5]],
      ['since a time', { limit: 9, sinceMs: 1003 }, [3, 4, 5]],
      ['nothing', { limit: 9, unit: 'none' }, []],
    ])('reads %s', async (_, query, expected) => {
      for (const n of [1, 2, 3, 4, 5]) history.write({ ...log(n), unit: n % 2 === 0 ? 'shop.even' : 'shop.odd' });
      await history.flush();
      expect(numbers(await history.read({ kind: 'log', ...query }))).toEqual(expected);
    });

    test('reading on after an id answers the next ones', async () => {
      for (const n of [1, 2, 3, 4, 5]) history.write(log(n));
      await history.flush();
      const [, second] = await history.read({ kind: 'log', limit: 5 });
      expect(numbers(await history.read({ kind: 'log', limit: 2, afterId: second?.id ?? -1 }))).toEqual([3, 4]);
    });

    test('H2 what is older than its kind allows goes, and nothing else', async () => {
      history.write({ ...log(1), atMs: 0 });
      history.write({ ...log(2), atMs: 1 });
      history.write({ ...log(3), kind: 'decision', atMs: 0 });
      await history.flush();
      expect(await history.expire(historyBounds.log.ageMs + 1)).toBe(1);
      expect(numbers(await history.read({ kind: 'log', limit: 9 }))).toEqual([2]);
      expect(numbers(await history.read({ kind: 'decision', limit: 9 }))).toEqual([3]);
    });

    test('H2 the oldest go when a kind takes more than its bytes', async () => {
      const text = 'x'.repeat(60_000);
      const fit = Math.floor(historyBounds.webhook.bytes / JSON.stringify({ n: 100, text }).length);
      for (let n = 100; n < fit + 110; n += 1) {
        history.write({ kind: 'webhook', unit: '', atMs: 5, data: { n, text } });
        if (n % 20 === 0) await history.flush();
      }
      await history.flush();
      expect(await history.expire(5)).toBe(10);
      const [first] = await history.read({ kind: 'webhook', limit: 1, afterId: 0 });
      expect(first?.data.n).toBe(110);
      expect(await history.expire(5)).toBe(0);
    });

    test('H3 what cannot be written is dropped and counted, and disturbs nothing', async () => {
      const cycle: Record<string, unknown> = {};
      cycle.self = cycle;
      const cases: NewHistoryEntry['data'][] = [cycle, { big: 1n }, { text: 'x'.repeat(65_536) }];
      for (const data of cases) history.write({ ...log(0), data });
      history.write(log(1));
      await history.flush();
      expect(history.dropped()).toBe(3);
      expect(numbers(await history.read({ kind: 'log', limit: 9 }))).toEqual([1]);
    });

    test('followers get what is written from now on and matches, until they stop', async () => {
      history.write(log(1));
      const seen: HistoryEntry[] = [];
      const stop = history.follow({ kind: 'log', unit: 'shop.totals' }, entry => seen.push(entry));
      history.write(log(2));
      history.write({ ...log(3), unit: 'shop.other' });
      history.write({ ...log(4), kind: 'decision' });
      await history.flush();
      stop();
      history.write(log(5));
      await history.flush();
      expect(numbers(seen)).toEqual([2]);
      const stored = await history.read({ kind: 'log', limit: 9 });
      expect(stored.find(({ data }) => data.n === 2)).toEqual(seen[0]);
    });

    test('what was flushed outlives the process, and ids go on', async () => {
      if (subject.reopen === undefined) return;
      history.write(log(1));
      await history.flush();
      await subject.reopen();
      history = subject.history;
      history.write(log(2));
      await history.flush();
      const entries = await history.read({ kind: 'log', limit: 9 });
      expect(numbers(entries)).toEqual([1, 2]);
      expect((entries[1]?.id ?? 0) > (entries[0]?.id ?? 0)).toBe(true);
    });
  });
}

function log(n: number): NewHistoryEntry {
  return { kind: 'log', unit: 'shop.totals', atMs: 1000 + n, data: { n } };
}

function numbers(entries: readonly HistoryEntry[]): unknown[] {
  return entries.map(({ data }) => data.n);
}
