import { spawnSync } from 'node:child_process';
import { runScript } from './run-script.mjs';

/**
 * `npm run soak`: needs a build, and Linux for finding the pods. Arguments are those of test/e2e/soak.ts. `npm run soak -- --servers 10` runs the fault tests
 * on real Kafka and Redis so many times instead, each fault as often as it is promised, and says how many runs failed.
 */
const at = process.argv.indexOf('--servers');
if (at < 0) await runScript('test/e2e/soak.ts');
else soakServers(Number(process.argv[at + 1] ?? 1));

function soakServers(times) {
  const files = ['bank-faults', 'redis-faults', 'broker-faults', 'crash-points-kafka', 'rolling', 'kafka'].map(name => `test/e2e/${name}`);
  let failed = 0;
  for (let time = 1; time <= times; time += 1) {
    const { status } = spawnSync('npx', ['vitest', 'run', ...files], { stdio: 'inherit', env: { ...process.env, FAAS_SOAK: '1' } });
    if (status !== 0) failed += 1;
    console.log(`run ${time} of ${times}: ${status === 0 ? 'all held' : 'FAILED'}`);
  }
  console.log(`${failed} of ${times} runs failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
