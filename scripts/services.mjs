import { runScript } from './run-script.mjs';

await runScript('scripts/services.ts');
