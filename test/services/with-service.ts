import { describe, test } from 'vitest';

/** Tests that need a real server. Where it cannot be had the skip is printed with the way to get it; in CI, where everything must be there, it is a failure. */
export function withService(missing: string | undefined, title: string, body: () => void): void {
  if (missing === undefined) {
    describe(title, body);
    return;
  }
  if (process.env.CI === 'true') {
    test(title, () => {
      throw new Error(missing);
    });
    return;
  }
  process.stderr.write(`skipped: ${title}: ${missing}\n`);
  describe.skip(title, body);
}
