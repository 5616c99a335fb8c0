import { fileURLToPath } from 'node:url';

/**
 * The bundled files that start as a process or a thread of their own (scripts/build-entries.mjs makes them).
 * Works from the sources (tests) and from dist alike.
 */
export type EntryName = 'pod' | 'pod-worker' | 'sqlite-worker';

export function entryPath(name: EntryName): string {
  const folder = import.meta.url.endsWith('.ts') ? '../dist/entries/' : '../entries/';
  return fileURLToPath(new URL(`${folder}${name}.js`, import.meta.url));
}

/** Where scripts/build-dashboard.mjs has put the page and its files. */
export function dashboardFolder(): string {
  return fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../dist/dashboard' : '../dashboard', import.meta.url));
}
