import { expect, test } from 'vitest';
import { asFarAsTold } from '../../controller/api/function-survey.ts';
import { FaasError } from '../../controller/errors.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

test('what a store does not tell within seconds is not known, and nobody waits for it', async () => {
  const clock = new VirtualClock();
  const asked = asFarAsTold(clock, new Promise<number>(() => {}));
  await clock.advance(5_000);
  expect(await asked).toBeUndefined();
});

test.each<[string, () => Promise<number>, number | undefined]>([
  ['what it tells', async () => 3, 3],
  ['that it is away', () => Promise.reject(new FaasError('FAAS_KAFKA_UNREACHABLE', 'away')), undefined],
])('%s', async (_, tell, told) => {
  expect(await asFarAsTold(new VirtualClock(), tell())).toBe(told);
});

test('what is no condition is thrown', async () => {
  await expect(asFarAsTold(new VirtualClock(), Promise.reject(new Error('a defect')))).rejects.toThrow('a defect');
});
