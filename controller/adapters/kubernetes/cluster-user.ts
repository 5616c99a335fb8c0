import type { RequestOptions } from 'node:https';

/** One user of one cluster. */
export interface ClusterUser {
  readonly server: string;
  /** Of the context, or of the pod that this runs in. */
  readonly namespace: string;
  /** Adds who it is. */
  readonly authorise: (options: RequestOptions) => Promise<void>;
}
