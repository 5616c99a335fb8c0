import { fileURLToPath } from 'node:url';

/**
 * The bundled files that start as a process or a thread of their own (scripts/build-entries.mjs makes them). Those of a pod are CommonJS: Node
 * starts without its loader of modules, whose start a cold start would wait for twice.
 * Works from the sources (tests) and from dist alike.
 */
const files = {
  pod: 'pod.cjs',
  'pod-alone': 'pod-alone.cjs',
  'pod-worker': 'pod-worker.cjs',
  'sqlite-worker': 'sqlite-worker.js',
} as const;

export type EntryName = keyof typeof files;

export function entryPath(name: EntryName): string {
  const folder = import.meta.url.endsWith('.ts') ? '../dist/entries/' : '../entries/';
  return fileURLToPath(new URL(`${folder}${files[name]}`, import.meta.url));
}

/** Where scripts/build-dashboard.mjs has put the page and its files. */
export function dashboardFolder(): string {
  return fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../dist/dashboard' : '../dashboard', import.meta.url));
}
