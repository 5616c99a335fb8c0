import { readFile } from 'node:fs/promises';
import { build, type Plugin } from 'esbuild';

/** A bug to be planted in a production source: `find` occurs there exactly once. */
export interface Mutation {
  /** Path from the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** npm and vitest both start in the root of the repository; where this file lies says nothing, because it is bundled itself. */
const root = `${process.cwd()}/`;

/** Bundles the simulation's worker into one file, with bugs planted on the way; answers nothing, throws when a bug finds no place. */
export async function bundleWorker(outfile: string, mutations: readonly Mutation[] = []): Promise<void> {
  const planted = new Set<Mutation>();
  await build({
    entryPoints: [`${root}test/sim/seed-worker.ts`],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    packages: 'external',
    logLevel: 'warning',
    plugins: [planting(mutations, planted)],
  });
  for (const mutation of mutations) if (!planted.has(mutation)) throw new Error(`${mutation.file} is not part of the simulation`);
}

function planting(mutations: readonly Mutation[], planted: Set<Mutation>): Plugin {
  return {
    name: 'plant-bugs',
    setup(bundle) {
      bundle.onLoad({ filter: /controller\/.*\.ts$/ }, async ({ path }) => {
        const mine = mutations.filter(mutation => path === `${root}${mutation.file}`);
        if (mine.length === 0) return undefined;
        let contents = await readFile(path, 'utf8');
        for (const mutation of mine) {
          const places = contents.split(mutation.find).length - 1;
          if (places !== 1) throw new Error(`${mutation.file} has ${places} places of: ${mutation.find}`);
          contents = contents.replace(mutation.find, () => mutation.replace);
          planted.add(mutation);
        }
        return { contents, loader: 'ts' };
      });
    },
  };
}
