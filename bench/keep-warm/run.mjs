import { runScript } from '../../scripts/run-script.mjs';

/** Arguments are those of bench/keep-warm/main.ts. */
await runScript('bench/keep-warm/main.ts');
