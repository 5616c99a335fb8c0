import { setMaxListeners } from 'node:events';

/**
 * Work that stands and falls together: when a part fails the others are told to stop. Resolves when all of them have ended, so that nothing is closed
 * under one that still works; rejects then with what failed first.
 */
export async function together(signal: AbortSignal, parts: readonly ((signal: AbortSignal) => Promise<unknown>)[]): Promise<void> {
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  // However many of them wait: that is no leak.
  setMaxListeners(0, both);
  const errors: unknown[] = [];
  const ended = parts.map(async part => {
    try {
      await part(both);
    } catch (error) {
      errors.push(error);
      failed.abort();
    }
  });
  await Promise.all(ended);
  if (errors.length > 0) throw errors[0];
}
