import { runScript } from './run-script.mjs';

/** `npm run soak`: needs a build, and Linux for finding the pods. Arguments are those of test/e2e/soak.ts. */
await runScript('test/e2e/soak.ts');
