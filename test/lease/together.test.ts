import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { together } from '../../controller/lease/together.ts';

const warnings: string[] = [];
const keep = ({ name }: Error): void => void warnings.push(name);

afterEach(() => {
  process.off('warning', keep);
  warnings.length = 0;
});

const whenAborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));

test('what fails ends the others, and is what it rejects with when they have ended', async () => {
  const ended: string[] = [];
  const late = async (signal: AbortSignal): Promise<void> => {
    await whenAborted(signal);
    await turn();
    ended.push('late');
  };
  await expect(together(new AbortController().signal, [late, async () => Promise.reject(new Error('first'))])).rejects.toThrow('first');
  expect(ended).toEqual(['late']);
});

test('ends with its signal, without an error', async () => {
  const stop = new AbortController();
  const over = together(stop.signal, [whenAborted, whenAborted]);
  stop.abort();
  await over;
});

test('many parts that wait are no leak to warn of', async () => {
  process.on('warning', keep);
  const stop = new AbortController();
  const over = together(
    stop.signal,
    Array.from({ length: 20 }, () => whenAborted),
  );
  await turn();
  stop.abort();
  await over;
  expect(warnings).toEqual([]);
});
