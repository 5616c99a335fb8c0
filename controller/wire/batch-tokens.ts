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
  readonly #byPod = new Map<string, { active: number; sinceIdle: number }>();

  grant(token: string, grant: BatchGrant): void {
    this.#grants.set(token, grant);
    const pod = this.#byPod.get(grant.podId) ?? { active: 0, sinceIdle: 0 };
    this.#byPod.set(grant.podId, { active: pod.active + 1, sinceIdle: pod.sinceIdle + 1 });
  }

  revoke(token: string): void {
    const podId = this.#grants.get(token)?.podId;
    if (podId === undefined) return;
    this.#grants.delete(token);
    const pod = this.#byPod.get(podId);
    if (pod === undefined || pod.active <= 1) this.#byPod.delete(podId);
    else pod.active -= 1;
  }

  /** Whether this batch has had its pod to itself so far: no other one, of a gateway either, ran there at any time of it. */
  isAlone(token: string): boolean {
    const podId = this.#grants.get(token)?.podId;
    return podId !== undefined && this.#byPod.get(podId)?.sinceIdle === 1;
  }

  find(token: string): BatchGrant | undefined {
    return this.#grants.get(token);
  }
}
