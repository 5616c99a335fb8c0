import { formatWithOptions } from 'node:util';
import type { PodLog } from '../protocol/messages.ts';

type Level = PodLog['level'];

const levels = {
  log: 'info',
  info: 'info',
  debug: 'debug',
  trace: 'debug',
  warn: 'warn',
  error: 'error',
  dir: 'info',
} as const satisfies Record<string, Level>;

/** Longer texts are cut by the formatter already, so that a line of 10 MB is never built. */
const formatting = { colors: false, depth: 4, maxArrayLength: 100, maxStringLength: 16_384, breakLength: 120 };

/** Sends what is printed in this thread, by `console` or to its standard streams, to `write` instead. */
export function captureOutput(write: (level: Level, message: string) => void): void {
  for (const [method, level] of Object.entries(levels)) {
    Reflect.set(console, method, (...args: unknown[]) => write(level, format(args)));
  }
  Reflect.set(console, 'assert', (value: unknown, ...args: unknown[]) => {
    if (!value) write('error', `Assertion failed: ${format(args)}`);
  });
  for (const [stream, level] of [
    [process.stdout, 'info'],
    [process.stderr, 'error'],
  ] as const) {
    Reflect.set(stream, 'write', (chunk: unknown, encoding: unknown, callback: unknown) => {
      const text = typeof chunk === 'string' ? chunk : chunk instanceof Uint8Array ? Buffer.from(chunk).toString() : String(chunk);
      write(level, text.endsWith('\n') ? text.slice(0, -1) : text);
      const done = typeof encoding === 'function' ? encoding : callback;
      if (typeof done === 'function') queueMicrotask(() => done());
      return true;
    });
  }
}

function format(args: readonly unknown[]): string {
  // An author's `[util.inspect.custom]` or `toString` runs in here, and may throw.
  try {
    return formatWithOptions(formatting, ...args);
  } catch {
    return 'a value that cannot be printed';
  }
}
