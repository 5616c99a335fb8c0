import { mkdtempSync, rmdir, rmdirSync, unlink, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { LoadRequest } from '../protocol/messages.ts';
import { crypto } from './late-modules.ts';

/** Whether the code is what the deploy stored under this hash. */
export function hashMatches({ code, bundleHash }: LoadRequest): boolean {
  return crypto().createHash('sha256').update(code).digest('hex') === bundleHash;
}

export interface BundleFile {
  readonly url: string;
  /** The file is needed until it is imported: a pod that is killed later leaves nothing behind. */
  remove(): void;
  /** The same, without holding up the first event while the file system does it. */
  removeLater(then: () => void): void;
}

/**
 * The bundle as a file that only this user can read, so that `import`, `import.meta.url` and stack traces work as usual. The source map goes
 * inside, as a data URL: Node may look at it long after the import. Throws what the file system throws.
 */
export function writeBundle({ code, sourceMap }: LoadRequest): BundleFile {
  const folder = mkdtempSync(join(tmpdir(), 'faas-pod-'));
  const file = join(folder, 'bundle.mjs');
  try {
    writeFileSync(file, sourceMap === undefined ? code : Buffer.concat([code, Buffer.from(sourceMapComment(sourceMap))]));
  } catch (error) {
    remove(folder, file);
    throw error;
  }
  return {
    url: pathToFileURL(file).href,
    remove: () => remove(folder, file),
    removeLater: then => unlink(file, () => rmdir(folder, () => then())),
  };
}

/** What is not there needs no removing, and what cannot be removed is left to whoever cleans the temporary folder. */
function remove(folder: string, file: string): void {
  try {
    unlinkSync(file);
  } catch {}
  try {
    rmdirSync(folder);
  } catch {}
}

function sourceMapComment(sourceMap: Uint8Array): string {
  return `\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(sourceMap).toString('base64')}\n`;
}
