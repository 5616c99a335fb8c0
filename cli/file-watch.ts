import { basename, dirname, relative, sep } from 'node:path';
import { watch } from 'chokidar';

export interface FileWatch {
  /** Watches these files as well: handlers may import from outside of the project's folder. */
  add(paths: readonly string[]): void;
  /** What changed since the last call, once something did; undefined when the signal aborted. One call at a time. */
  next(): Promise<Change | undefined>;
  close(): Promise<void>;
}

export interface Change {
  /** Absolute paths. */
  readonly files: ReadonlySet<string>;
  /** By performance.now(): when the first of them was noticed. */
  readonly noticedMs: number;
}

/** An editor writes several files, or one in several steps: what comes within this time is one change. */
const settleMs = 20;
const ignoredFolders: ReadonlySet<string> = new Set(['node_modules', '.git', '.faas', 'dist', 'coverage']);

export interface WatchOptions {
  /** Folders whose changes are nobody's business: absolute paths. */
  readonly ignored: readonly string[];
  /** Whether a change of this file (absolute path) matters. */
  readonly concerns: (path: string) => boolean;
  readonly signal: AbortSignal;
}

/** Resolves when the folder is being watched, so that no change after it is missed. */
export async function watchFolder(root: string, { ignored, concerns, signal }: WatchOptions): Promise<FileWatch> {
  const changed = new Set<string>();
  let noticedMs = 0;
  let wake = () => {};
  signal.addEventListener('abort', () => wake(), { once: true });
  const watcher = watch(root, {
    ignoreInitial: true,
    ignored: path => ignored.some(folder => path === folder || path.startsWith(`${folder}${sep}`)) || isIgnored(root, path),
  });
  watcher.on('all', (event, path) => {
    if (event === 'addDir' || event === 'unlinkDir' || !concerns(path)) return;
    if (changed.size === 0) noticedMs = performance.now();
    changed.add(path);
    wake();
  });
  await new Promise<void>(resolve => watcher.once('ready', () => resolve()));
  return {
    add: paths => void watcher.add(paths.filter(path => relative(root, path).startsWith('..'))),
    async next() {
      while (changed.size === 0 && !signal.aborted) {
        await new Promise<void>(resolve => {
          wake = resolve;
        });
      }
      if (signal.aborted) return undefined;
      await new Promise(resolve => setTimeout(resolve, settleMs));
      const files = new Set(changed);
      changed.clear();
      return { files, noticedMs };
    },
    close: () => watcher.close(),
  };
}

/** Also editors' own files: a swap file is no change. */
function isIgnored(root: string, path: string): boolean {
  if (path === root) return false;
  const name = basename(path);
  if (/^(\.#|4913$)|~$|\.sw[a-z]$|\.tmp$/.test(name)) return true;
  return ignoredFolders.has(name) && dirname(path).startsWith(root);
}
