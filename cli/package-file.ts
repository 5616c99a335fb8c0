import { fileURLToPath } from 'node:url';

/** A file of this package, from the sources and from dist alike. */
export function packageFile(path: string): string {
  const root = import.meta.url.endsWith('.ts') ? '../' : '../../';
  return fileURLToPath(new URL(`${root}${path}`, import.meta.url));
}
