import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** They use all of the machine by themselves: simulations on all cores, servers that are killed, pauses that have a bound. One file after the other, after the rest. */
const heavy = ['test/sim/**/*.test.ts', 'test/e2e/**/*.test.ts', 'test/services/kubernetes/**/*.test.ts', 'test/**/*.kubernetes.test.ts'];
/** Those of them that wait for most of their time, for servers that are away or start, and have no bound of pauses: two at a time. */
const waiting = ['bad-input', 'broker-faults', 'kafka', 'lease', 'operator', 'redis-faults', 'resources'].map(
  name => `test/e2e/${name}.test.ts`,
);

/** Not the exclude of a project, which would hide the one of the command line. */
const except = (patterns: readonly string[]) => patterns.map(pattern => `!${pattern}`);

export default defineConfig({
  resolve: {
    alias: [
      { find: /^faas\/testing$/, replacement: source('./runtime/testing/index.ts') },
      { find: /^faas$/, replacement: source('./runtime/index.ts') },
    ],
  },
  test: {
    globalSetup: ['./test/support/build-entries.ts'],
    reporters: ['default', './test/support/closing-line.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'parts',
          include: ['test/**/*.test.ts', 'functions-examples/**/*.test.ts', ...except(heavy)],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: 'waiting', include: waiting, maxWorkers: 2, sequence: { groupOrder: 1 } } },
      {
        extends: true,
        test: {
          name: 'whole',
          include: [...heavy, ...except(waiting)],
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
