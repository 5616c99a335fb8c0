import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expectedFigures, runDemo, type Victim } from './demo-run.ts';

const rounds = 4;

/** The long form is `npm run soak`. */
test.skipIf(process.platform !== 'linux').each<[string, Victim[]]>([
  ['a pod, again and again', ['pod', 'pod', 'pod', 'pod']],
  ['the server, again and again', ['server', 'server', 'server']],
  ['both, in turns and at once', ['pod', 'server', 'both', 'pod', 'both']],
])('kill -9 of %s: the counts are exact', { timeout: 240_000 }, async (_, victims) => {
  const folder = await mkdtemp(join(tmpdir(), 'faas-e2e-'));
  try {
    const kills = victims.map((victim, i) => ({ at: (i + 0.5) / victims.length, victim }));
    const { code, figures, killed, output } = await runDemo({ folder, rounds, ratePerSecond: 250, kills });
    expect(figures, output).toMatchObject(expectedFigures(rounds));
    expect(code).toBe(0);
    expect(killed.length).toBeGreaterThan(0);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
});
