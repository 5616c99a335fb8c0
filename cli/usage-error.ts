/** The command line cannot be understood: exit code 2, no stack. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code: string;
  readonly hint: string | undefined;
  /** One line for each of several that are wrong. */
  readonly where: readonly string[];

  /** `code`: where the value has one of its own. */
  constructor(
    message: string,
    hint?: string,
    { code = 'FAAS_USAGE', where = [] }: { readonly code?: string; readonly where?: readonly string[] } = {},
  ) {
    super(message);
    this.code = code;
    this.hint = hint;
    this.where = where;
  }
}
