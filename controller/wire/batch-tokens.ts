/** What a running batch may ask for. Looked up by `/internal/v1/state` and `/internal/v1/call`; gone when the batch ends. */
export interface BatchGrant {
  readonly unit: string;
  readonly podId: string;
  /** Units that it may call. */
  readonly calls: ReadonlySet<string>;
  /** Call depth of the deepest event in the batch: 0 for events that came from a stream. */
  readonly depth: number;
}

/** One table per process; bounded by the batches in flight. */
export class BatchTokens {
  readonly #grants = new Map<string, BatchGrant>();

  grant(token: string, grant: BatchGrant): void {
    this.#grants.set(token, grant);
  }

  revoke(token: string): void {
    this.#grants.delete(token);
  }

  find(token: string): BatchGrant | undefined {
    return this.#grants.get(token);
  }
}
