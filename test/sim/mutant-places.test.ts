import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { mutants } from './mutants.ts';

/** In seconds what the run of the mutants would say after minutes: code has moved away from under a planted bug. */
test('each planted bug has exactly one place', async () => {
  const misplaced: string[] = [];
  for (const { name, file, find } of mutants) {
    const places = (await readFile(file, 'utf8')).split(find).length - 1;
    if (places !== 1) misplaced.push(`${name}: ${file} has ${places} places of: ${find}`);
  }
  expect(misplaced).toEqual([]);
});
