import type { ContextSpec } from '../manifest/spec.ts';

/** Deploying and removing: the door of this duty for the API. */
export interface Deployments {
  /**
   * Makes all functions of a context live in one step, or none. Bundles must have been stored before. Each changed revision is started on a pod
   * first; one that does not load leaves the old revisions with all traffic.
   */
  deploy(spec: ContextSpec, bundleHashes: ReadonlyMap<string, string>, options?: RemovalOptions): Promise<DeployResult>;
  /** Stops and forgets a context or one of its functions. `state: true` also removes its state, inbox and dead letters, which are kept otherwise. */
  remove(context: string, functionName: string | undefined, options: { readonly state: boolean } & RemovalOptions): Promise<RemoveResult>;
  /** Other changes of what is live wait for the work, on this server and on others. `deploy` is for a deployment that is made of what is live, read within the work. */
  exclusively<Result>(work: (deploy: Deployments['deploy']) => Promise<Result>): Promise<Result>;
  /**
   * Makes an earlier revision live again, or the one before this when none is named. With `from` only while that one is live: who decided on it must not undo
   * a deploy that came in between, and of several that decide the same one acts.
   */
  rollBack(unit: string, revision: string | undefined, from?: string): Promise<DeployResult>;
}

export interface RemovalOptions {
  /**
   * Takes away what wishes for functions that are about to be removed, while nobody else changes what is live: whoever keeps such wishes would make them live
   * again. `units` are those that are live. Not called where nothing is to be removed; after a throw everything is live as it was.
   */
  readonly withdraw?: (units: readonly string[]) => Promise<void>;
}

export type DeployResult =
  | { readonly kind: 'deployed'; readonly functions: readonly DeployedFunction[]; readonly warnings: readonly string[] }
  | { readonly kind: 'refused'; readonly problems: readonly DeployProblem[] };

export interface DeployedFunction {
  readonly unit: string;
  readonly revision: string;
  readonly change: 'created' | 'updated' | 'unchanged' | 'removed';
}

export interface DeployProblem {
  /** undefined: the context as a whole. */
  readonly unit: string | undefined;
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  /** `src/orders.ts:4:9` of the author's sources, relative to the manifest's folder; `message` begins with it. Absent: not known, or of no one place. */
  readonly place?: string;
  /** How it came there, innermost first: the author's frames alone. */
  readonly frames?: readonly SourceFrame[];
}

export interface SourceFrame {
  /** `src/orders.ts:4:9` */
  readonly at: string;
  /** Of the function; absent at the top of a file. */
  readonly name?: string;
}

export type RemoveResult = { readonly kind: 'removed'; readonly units: readonly string[] } | { readonly kind: 'unknown' };
