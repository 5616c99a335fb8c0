import { runScript } from './run-script.mjs';

/** `npm run services -- redis`: real servers for a person to work with. Arguments are those of scripts/services.ts. */
await runScript('scripts/services.ts');
