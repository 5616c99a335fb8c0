import { expect, test } from 'vitest';
import { Turns } from '../../../controller/adapters/kafka/turns.ts';

const never = new AbortController().signal;

/** Work that begins when it is its turn, and ends when it is told to. */
function workOf(turns: Turns) {
  const begun: string[] = [];
  const ends = new Map<string, (failure?: Error) => void>();
  const take = (name: string, signal = never) =>
    turns.take(
      () =>
        new Promise<string>((resolve, reject) => {
          begun.push(name);
          ends.set(name, failure => (failure === undefined ? resolve(name) : reject(failure)));
        }),
      signal,
    );
  const end = async (name: string, failure?: Error) => {
    ends.get(name)?.(failure);
    await settled();
  };
  return { begun, take, end };
}

const settled = () => new Promise(resolve => setImmediate(resolve));

test('so many work at the same time, and the others begin in the order in which they came', async () => {
  const { begun, take, end } = workOf(new Turns(2));
  const all = ['a', 'b', 'c', 'd', 'e'].map(name => take(name));
  await settled();
  expect(begun).toEqual(['a', 'b']);
  await end('b');
  expect(begun).toEqual(['a', 'b', 'c']);
  await end('a');
  await end('c');
  expect(begun).toEqual(['a', 'b', 'c', 'd', 'e']);
  for (const name of ['d', 'e']) await end(name);
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('work that fails gives its place to the next one, and none is lost: afterwards so many are free as before', async () => {
  const { begun, take, end } = workOf(new Turns(1));
  const failing = take('a').catch(error => error.message);
  const next = take('b');
  await end('a', new Error('refused'));
  expect(await failing).toBe('refused');
  expect(begun).toEqual(['a', 'b']);
  await end('b');
  await next;
  void take('c');
  void take('d');
  await settled();
  expect(begun).toEqual(['a', 'b', 'c']);
});

test('who gives up while it waits never begins, and keeps nobody behind it waiting', async () => {
  const { begun, take, end } = workOf(new Turns(1));
  void take('a');
  const leaving = new AbortController();
  const left = take('b', leaving.signal).catch(error => error);
  const gone = take('c', AbortSignal.abort('closed')).catch(error => error);
  const last = take('d');
  leaving.abort('stopped');
  expect([await left, await gone]).toEqual(['stopped', 'closed']);
  await end('a');
  expect(begun).toEqual(['a', 'd']);
  await end('d');
  expect(await last).toBe('d');
});

test('who gives up while it works is not interrupted, and gives its place on', async () => {
  const { begun, take, end } = workOf(new Turns(1));
  const leaving = new AbortController();
  const working = take('a', leaving.signal);
  void take('b');
  leaving.abort();
  await settled();
  expect(begun).toEqual(['a']);
  await end('a');
  expect(await working).toBe('a');
  expect(begun).toEqual(['a', 'b']);
});
