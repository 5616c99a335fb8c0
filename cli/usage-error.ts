/** The command line cannot be understood: exit code 2, no stack. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'FAAS_USAGE';
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
