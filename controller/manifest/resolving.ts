import type { ProblemList } from './problem-list.ts';

/** Where a manifest comes from. Paths are relative to its folder, with `/`. */
export interface ManifestSurroundings {
  /** How the file is called in problems. */
  readonly file: string;
  /** What `${NAME}` is replaced from. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly fileExists: (path: string) => boolean;
  /** undefined: there is no such file. */
  readonly readFile: (path: string) => Uint8Array | string | undefined;
}

export interface Resolving extends ManifestSurroundings {
  readonly problems: ProblemList;
  readonly warnings: ProblemList;
}

/** What one function has to know of the context around it. */
export interface Neighbours {
  readonly context: string;
  readonly streams: ReadonlySet<string>;
  readonly functions: ReadonlySet<string>;
  /** Webhook paths seen so far, without the names of their parameters, and the function that has them. */
  readonly webhookPaths: Map<string, string>;
}
