import { expect, test } from 'vitest';
import { MemoryHistory } from '../../controller/adapters/memory/memory-history.ts';
import { followHistory } from '../../controller/api/follow-history.ts';
import type { HistoryQuery } from '../../controller/ports/history.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const query: HistoryQuery = { kind: 'log', limit: 10 };
const write = (history: MemoryHistory, n: number) => history.write({ kind: 'log', atMs: n, unit: 'shop.tax', data: { n } });

function followed(history: Pick<MemoryHistory, 'read' | 'follow'>, wanted = query) {
  const clock = new VirtualClock();
  const stopping = new AbortController();
  const events = followHistory({ history, clock }, wanted, stopping.signal);
  const next = async () => (await events.next()).value;
  return { clock, stopping, events, next };
}

const idOf = (event: unknown) => Number(/^id: (\d+)$/m.exec(String(event))?.[1]);

test('what is written while the past is read comes once', async () => {
  const history = new MemoryHistory();
  write(history, 1);
  const racing = {
    follow: history.follow.bind(history),
    read: (wanted: HistoryQuery) => {
      write(history, 2);
      return history.read(wanted);
    },
  };
  const { next, stopping } = followed(racing);
  expect(await next()).toBe(': connected\n\n');
  expect([idOf(await next()), idOf(await next())]).toStrictEqual([1, 2]);
  write(history, 3);
  expect(idOf(await next())).toBe(3);
  stopping.abort();
  expect(await next()).toBe(undefined);
});

test('after an id all that followed it comes, however much it is', async () => {
  const history = new MemoryHistory();
  for (let n = 1; n <= 35; n += 1) write(history, n);
  const { next } = followed(history, { ...query, afterId: 3 });
  await next();
  const ids: number[] = [];
  for (let i = 4; i <= 35; i += 1) ids.push(idOf(await next()));
  expect(ids).toStrictEqual(Array.from({ length: 32 }, (_, i) => i + 4));
});

test('a quiet connection gets a sign of life every 15 s', async () => {
  const { next, clock } = followed(new MemoryHistory());
  await next();
  const sign = next();
  await clock.advance(14_999);
  let came = false;
  const watched = sign.then(() => {
    came = true;
  });
  await clock.advance(0);
  expect(came).toBe(false);
  await clock.advance(1);
  await watched;
  expect(await sign).toBe(': still here\n\n');
});

test('a reader that is too slow loses the oldest, and is told how many', async () => {
  const history = new MemoryHistory();
  const { next } = followed(history);
  await next();
  const first = next();
  await Promise.resolve();
  for (let n = 1; n <= 1_500; n += 1) write(history, n);
  expect(await first).toBe(': 500 entries dropped, the reader is too slow\n\n');
  expect(idOf(await next())).toBe(501);
});

test('a reader that goes away leaves nothing behind', async () => {
  const history = new MemoryHistory();
  let followers = 0;
  const counting = {
    read: history.read.bind(history),
    follow: (...args: Parameters<MemoryHistory['follow']>) => {
      const stop = history.follow(...args);
      followers += 1;
      return () => {
        followers -= 1;
        stop();
      };
    },
  };
  const { next, events } = followed(counting);
  await next();
  expect(followers).toBe(1);
  await events.return(undefined);
  expect(followers).toBe(0);
});
