import { expect, test } from 'vitest';
import { ToldOffset } from '../../controller/dispatch/told-offset.ts';

test('one offset is on its way at a time; the last one that became due meanwhile follows, none goes back', async () => {
  const told = new ToldOffset();
  told.begin(3);
  const sent: number[] = [];
  const answers: ((isTold: boolean) => void)[] = [];
  const send = (offset: number) => {
    sent.push(offset);
    return new Promise<boolean>(resolve => answers.push(resolve));
  };
  await told.tell(3, send);
  const first = told.tell(5, send);
  await told.tell(6, send);
  await told.tell(8, send);
  expect(sent).toEqual([5]);
  answers[0]?.(true);
  await Promise.resolve();
  await Promise.resolve();
  expect(sent).toEqual([5, 8]);
  answers[1]?.(false);
  await first;
  expect(told.value).toBe(5);
});
