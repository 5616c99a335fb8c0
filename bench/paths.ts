import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = process.env.FAAS_BENCH_ROOT;
const scratch = process.env.FAAS_BENCH_SCRATCH;
if (root === undefined || scratch === undefined) throw new Error('start the bench with: node bench/run.mjs');

/** The repository. */
export const rootFolder = root;
/** Gone when the bench ends: data folders, projects, sockets. Inside of node_modules, so that peers can be imported from there. */
export const scratchFolder = scratch;
/** The built command, as a user starts it. */
export const cliFile = join(root, 'dist/cli/main.js');
/** What finds files beside itself is taken from the build, not into the bench's bundle. */
export function builtModule(path: string): string {
  return pathToFileURL(join(rootFolder, 'dist', path)).href;
}
export const handlersFolder = join(root, 'bench/handlers');
export const peersFolder = join(root, 'bench/peers');
