import { pathToFileURL } from 'node:url';
import { runScript } from '../../scripts/run-script.mjs';

/** Arguments are those of bench/scaling/main.ts. */
process.env.FAAS_TRACES = pathToFileURL('bench/scaling/traces.json').href;
await runScript('bench/scaling/main.ts');
