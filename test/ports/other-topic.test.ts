import { expect, test } from 'vitest';
import { areOtherTopics } from '../../controller/ports/other-topic.ts';

test.each([
  ['a', 'a', false],
  ['a', 'b', true],
  [undefined, 'b', false],
  ['a', undefined, false],
  [undefined, undefined, false],
])('%s and %s are known to be of other topics: %s', (one, other, expected) => {
  expect(areOtherTopics(one, other)).toBe(expected);
});
