import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';

const runtimeFolder = fileURLToPath(new URL('../runtime/', import.meta.url));
const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/**
 * `import … from 'faas'` gets the runtime of this very package, without an install. Its files live in a namespace of their own, so that
 * neither code nor source map names the folder where faas is installed: the hash would depend on it.
 */
export function faasImports(): Plugin {
  return {
    name: 'faas-imports',
    setup(build) {
      build.onResolve({ filter: /^faas$/ }, () => ({ path: 'index', namespace: 'faas', sideEffects: false }));
      build.onResolve({ filter: /^faas\/testing$/ }, () => ({
        errors: [
          {
            text: '"faas/testing" is for tests and cannot run in a pod',
            detail: { code: 'FAAS_BUNDLE_IMPORT', hint: 'Import it in the test file, not in the handler.' },
          },
        ],
      }));
      build.onResolve({ filter: /^\.\.?\//, namespace: 'faas' }, ({ path, importer }) => ({
        path: posix.join(posix.dirname(importer), path).replace(/\.[jt]s$/, ''),
        namespace: 'faas',
        sideEffects: false,
      }));
      build.onLoad({ filter: /.*/, namespace: 'faas' }, async ({ path }) => ({
        contents: await readFile(`${runtimeFolder}${path}${extension}`, 'utf8'),
        loader: extension === '.ts' ? 'ts' : 'js',
      }));
    },
  };
}

/** Native add-ons cannot travel in one JavaScript file: refused with the reason, where esbuild would only miss a loader. */
export function nativeModules(): Plugin {
  return {
    name: 'native-modules',
    setup(build) {
      build.onResolve({ filter: /\.node$/ }, ({ path, resolveDir }) => {
        if (!existsSync(posix.resolve(resolveDir, path)) && /^[./]/.test(path)) return undefined;
        return {
          errors: [
            {
              text: `"${path}" is a native add-on; a function is one JavaScript file`,
              detail: { code: 'FAAS_BUNDLE_NATIVE', hint: 'Use a JavaScript or WebAssembly version of the package, or call a service.' },
            },
          ],
        };
      });
    },
  };
}
