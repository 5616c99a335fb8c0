import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { LoadRequest } from '../protocol/messages.ts';

/** Whether the code is what the deploy stored under this hash. */
export function hashMatches({ code, bundleHash }: LoadRequest): boolean {
  return createHash('sha256').update(code).digest('hex') === bundleHash;
}

/** The bundle and its source map in a folder of this process alone, so that `import`, `import.meta.url` and stack traces work as usual. */
export function writeBundle({ code, sourceMap }: LoadRequest): { readonly url: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'faas-pod-'));
  const file = join(folder, 'bundle.mjs');
  writeFileSync(file, code);
  if (sourceMap !== undefined) {
    writeFileSync(`${file}.map`, sourceMap);
    writeFileSync(file, '\n//# sourceMappingURL=bundle.mjs.map\n', { flag: 'a' });
  }
  return { url: pathToFileURL(file).href, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
