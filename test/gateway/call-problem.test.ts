import { expect, test } from 'vitest';
import { problemForCaller } from '../../controller/gateway/call-problem.ts';
import type { DirectAnswer } from '../../controller/gateway/direct-calls.ts';

const failed = (code: string, message: string): Extract<DirectAnswer, { kind: 'failed' }> => ({
  ...{ kind: 'failed', reason: 'error' },
  error: { code, name: 'Error', message, stack: undefined },
});

test('a handler learns what failed in the one that it called, and in the last of a chain', () => {
  const first = problemForCaller(failed('FAAS_HANDLER_ERROR', 'no such order'));
  expect([first.code, first.message]).toEqual(['FAAS_CALL_FAILED', 'the handler failed: error: Error: no such order']);
  const second = problemForCaller(failed(first.code, first.message));
  expect(second.message).toBe(first.message);
});

test('a code of its own says more than the name', () => {
  expect(problemForCaller(failed('FAAS_CALL_TOO_DEEP', 'a cycle')).message).toBe('the handler failed: error: FAAS_CALL_TOO_DEEP: a cycle');
});

test('it is told in bounds', () => {
  expect(problemForCaller(failed('E', 'x'.repeat(10_000))).message.length).toBe(500);
});
