export interface Interpolated {
  readonly text: string;
  /** False when there was nothing to replace. */
  readonly changed: boolean;
  /** As written, `${NAME}`, in reading order. */
  readonly unresolved: readonly { readonly name: string; readonly written: string }[];
  /** `${` that starts no valid reference, as written. */
  readonly malformed: readonly string[];
}

/** `${NAME}`, `${NAME:-default}`, and `$${` for a literal `${`. Names `[A-Za-z_][A-Za-z0-9_]*`. A default is text without `}`; replaced text is not looked at again. */
export function interpolate(text: string, env: Readonly<Record<string, string | undefined>>): Interpolated {
  const unresolved: { name: string; written: string }[] = [];
  const malformed: string[] = [];
  let changed = false;
  const replaced = text.replaceAll(/\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]{0,127})(?::-([^}]*))?\}|\$\{[^}]*\}?/g, (written, name, fallback) => {
    changed = true;
    if (written === '$${') return '${';
    if (typeof name !== 'string') {
      malformed.push(written);
      return '';
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    // As in a shell, `:-` also replaces a value that is empty.
    if (typeof fallback === 'string') return value === undefined || value === '' ? fallback : value;
    if (value === undefined) unresolved.push({ name, written });
    return value ?? '';
  });
  return { text: replaced, changed, unresolved, malformed };
}
