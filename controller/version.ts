import { readFileSync } from 'node:fs';

/** The version of this package, from its package.json; from the sources and from dist alike. */
export function packageVersion(): string {
  const root = import.meta.url.endsWith('.ts') ? '../' : '../../';
  const parsed: unknown = JSON.parse(readFileSync(new URL(`${root}package.json`, import.meta.url), 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : '0.0.0';
}
