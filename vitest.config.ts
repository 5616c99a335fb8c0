import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^faas\/testing$/, replacement: source('./runtime/testing/index.ts') },
      { find: /^faas$/, replacement: source('./runtime/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts', 'functions-examples/**/*.test.ts'],
    globalSetup: ['./test/support/build-entries.ts'],
    reporters: ['default', './test/support/closing-line.ts'],
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
