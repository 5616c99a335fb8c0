import { expect, test } from 'vitest';
import type { Leadership } from '../../controller/ports/registry.ts';

/** The law R6 of controller/ports/registry.ts, for whatever says who leads; inside of a `describe`. */
export function leadershipLaw(leadership: () => Leadership): void {
  test('R6 one holder leads at a time, renews with the same fencing, and a new holder gets a higher one', async () => {
    expect(await leadership().lead('controller', 'one', 100, 1000)).toEqual({ fencing: 1 });
    expect(await leadership().lead('controller', 'two', 100, 1099)).toBeUndefined();
    expect(await leadership().lead('controller', 'one', 100, 1099)).toEqual({ fencing: 1 });
    expect(await leadership().lead('controller', 'two', 100, 1198)).toBeUndefined();
    expect(await leadership().lead('controller', 'two', 100, 1199)).toEqual({ fencing: 2 });
    expect(await leadership().lead('controller', 'one', 100, 1200)).toBeUndefined();
    await leadership().resign('controller', 'one');
    expect(await leadership().lead('controller', 'one', 100, 1200)).toBeUndefined();
    await leadership().resign('controller', 'two');
    expect(await leadership().lead('controller', 'one', 100, 1201)).toEqual({ fencing: 3 });
    expect(await leadership().lead('other', 'two', 100, 1201)).toEqual({ fencing: 1 });
  });

  test('R6 of many that ask at once one leads', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => leadership().lead('crowd', `holder-${i}`, 100, 1000)));
    expect(answers.filter(answer => answer !== undefined)).toEqual([{ fencing: 1 }]);
  });
}
