/** What a handler may throw to say more than "it failed". Compare `code`, not `instanceof`: a bundle holds its own copy of this file. */
export class FaasError extends Error {
  override readonly name = 'FaasError';
  readonly code: string;
  /** What to do next, one sentence. */
  readonly hint: string | undefined;

  constructor(code: string, message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }
}

/** The event can never succeed: it is dead-lettered at once, whatever attempts are left. */
export class NonRetryableError extends FaasError {
  constructor(message: string, options?: ErrorOptions) {
    super('FAAS_NON_RETRYABLE', message, undefined, options);
  }
}

/** Names the events of a batch that failed, by their position in `events`; the others are committed. */
export class BatchFailure extends FaasError {
  readonly failed: readonly { readonly index: number; readonly reason: string }[];

  constructor(failed: readonly { readonly index: number; readonly reason: string }[]) {
    super('FAAS_BATCH_FAILURE', `${failed.length} events of the batch failed`);
    this.failed = failed;
  }
}
