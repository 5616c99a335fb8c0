import { expect, test } from 'vitest';
import { inputsOf } from '../../controller/api/stored-decision.ts';
import { known, unknown } from '../../controller/scale/figure.ts';
import { inputsSeen } from '../dashboard/world.ts';
import { run, world } from '../scale/run-world.ts';

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

test('each of a function whose downstream gives no more and then more again, as it is stored', () => {
  const downstreamRate = (atMs: number) => (atMs < 200_000 ? 300 : 1_200);
  const rate = (second: number) => (second < 60 ? 90 : 900);
  const { inputs } = run(world(300, rate, { downstreamRate }), { max: 12 });
  expect(inputs.some(one => one.memory.trial !== undefined)).toBe(true);
  expect(inputs.some(one => one.memory.block?.isRisen)).toBe(true);
  for (const one of inputs) expect(inputsOf(entry({ what: 'scale', inputs: JSON.parse(JSON.stringify(one)) }))).toBeDefined();
});

test('another kind of decision has none', () => {
  expect(inputsOf(entry({ what: 'pod-start', inputs: inputsSeen(5) }))).toBeUndefined();
});
