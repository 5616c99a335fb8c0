import { expect, test } from 'vitest';
import { inputsOf } from '../../controller/api/stored-decision.ts';
import { known, unknown } from '../../controller/scale/figure.ts';
import { inputsSeen } from '../dashboard/world.ts';

const entry = (data: Record<string, unknown>) => ({ id: 1, kind: 'decision', atMs: 5, unit: 'shop.tax', data }) as const;

test.each([
  ['as the scaler records them', inputsSeen(5), true],
  ['with a figure that is not known', inputsSeen(5, { backlogEvents: unknown }), true],
  ['with a figure that is old', inputsSeen(5, { arrivalRate: { state: 'stale', value: 3, ageMs: 9 } }), true],
  ['of a policy with a word that nobody knows', { ...inputsSeen(5), policy: { ...inputsSeen(5).policy, boundsFrom: 'nobody' } }, false],
  ['of another version', { observation: { backlogEvents: known(1) } }, false],
  ['that are missing', undefined, false],
])('inputs %s: %s', (_name, inputs, isKnown) => {
  expect(inputsOf(entry({ what: 'scale', inputs }))).toEqual(isKnown ? inputs : undefined);
});

test('another kind of decision has none', () => {
  expect(inputsOf(entry({ what: 'pod-start', inputs: inputsSeen(5) }))).toBeUndefined();
});
