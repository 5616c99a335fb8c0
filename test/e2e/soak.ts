import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { expectedFigures, runDemo, type Victim } from './demo-run.ts';

/** `npm run soak -- [--times 20] [--repeat 20] [--rate 500]`: kill -9 of server, pod and both at random moments of the demo, over and over. */
const { values } = parseArgs({
  options: {
    times: { type: 'string', default: '20' },
    repeat: { type: 'string', default: '20' },
    rate: { type: 'string', default: '500' },
    kills: { type: 'string', default: '6' },
  },
});
const rounds = Number(values.repeat);
const expected = expectedFigures(rounds);
const victims: readonly Victim[] = ['server', 'pod', 'both'];
let failed = 0;

for (let time = 1; time <= Number(values.times); time += 1) {
  const folder = await mkdtemp(join(tmpdir(), 'faas-soak-'));
  const moments = Array.from({ length: Number(values.kills) }, () => Math.random()).sort((a, b) => a - b);
  const kills = moments.map(at => ({ at, victim: victims[Math.floor(Math.random() * victims.length)] ?? 'server' }));
  const { code, figures, killed, output } = await runDemo({ folder, rounds, ratePerSecond: Number(values.rate), kills });
  const isExact = code === 0 && Object.entries(expected).every(([name, value]) => figures[name] === value);
  const told = kills.map(({ at, victim }) => `${victim}@${at.toFixed(2)}`).join(' ');
  console.log(`${time}: ${isExact ? 'exact' : 'WRONG'} ${JSON.stringify(figures)} after ${killed.length} kills (${told})`);
  if (isExact) {
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    continue;
  }
  failed += 1;
  console.log(`${output}\nexpected ${JSON.stringify(expected)}; the data folder is kept: ${folder}`);
}
console.log(`${failed} of ${values.times} failed`);
process.exitCode = failed > 0 ? 1 : 0;
