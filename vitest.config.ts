import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** They use all of the machine by themselves: simulations on all cores, servers that are killed. One file after the other, after the rest. */
const heavy = ['test/sim/**/*.test.ts', 'test/e2e/**/*.test.ts', 'test/services/kubernetes/**/*.test.ts', 'test/**/*.kubernetes.test.ts'];

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
          include: ['test/**/*.test.ts', 'functions-examples/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...heavy],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: 'whole', include: heavy, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
