import { expect, test } from 'vitest';
import { Together } from '../../../controller/adapters/kafka/together.ts';

test('what is asked for in one turn is one request, each name once, and all get its answer', async () => {
  const asked: (readonly string[])[] = [];
  const topics = new Together(async names => {
    asked.push(names);
    return names.length;
  });
  expect(await Promise.all(['a', 'b', 'a', 'c'].map(name => topics.about(name)))).toEqual([3, 3, 3, 3]);
  expect(asked).toEqual([['a', 'b', 'c']]);
});

test.each([
  [199, [199]],
  [200, [200]],
  [201, [200, 1]],
  [450, [200, 200, 50]],
])('%i names are requests of %j', async (count, sizes) => {
  const asked: number[] = [];
  const topics = new Together(async names => {
    asked.push(names.length);
    return new Set(names);
  });
  const names = Array.from({ length: count }, (_, index) => `t${index}`);
  const answers = await Promise.all(names.map(name => topics.about(name)));
  expect(asked).toEqual(sizes);
  expect(answers.every((answer, index) => answer.has(`t${index}`))).toBe(true);
});

test('what is asked for while a request is under way is the next one, and not answered by what was read before it', async () => {
  const asked: (readonly string[])[] = [];
  let again: Promise<number> | undefined;
  const topics: Together<number> = new Together(async names => {
    asked.push(names);
    again ??= topics.about('a');
    return asked.length;
  });
  expect(await topics.about('a')).toBe(1);
  expect(await again).toBe(2);
  expect(asked).toEqual([['a'], ['a']]);
});

test('a request that fails fails for all who asked, and for nobody after them', async () => {
  let isAway = true;
  const topics = new Together(async names => {
    if (isAway) throw new Error('the broker is away');
    return names;
  });
  const failed = await Promise.allSettled(['a', 'b'].map(name => topics.about(name)));
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  isAway = false;
  expect(await topics.about('a')).toEqual(['a']);
});
