import { runScript } from './run-script.mjs';

/** `npm run sim`. Arguments are those of test/sim/main.ts. */
await runScript('test/sim/main.ts');
