type Condition = Readonly<Record<string, string | number | boolean | null>>;

/** Whether all conditions hold: JSON pointer → exact value, or `prefix*` for texts. */
export function matchesData(data: unknown, conditions: Condition | undefined): boolean {
  if (conditions === undefined) return true;
  return Object.entries(conditions).every(([pointer, wanted]) => matches(valueAt(data, pointer), wanted));
}

function matches(value: unknown, wanted: Condition[string]): boolean {
  if (typeof wanted === 'string' && wanted.endsWith('*')) return typeof value === 'string' && value.startsWith(wanted.slice(0, -1));
  return value === wanted || (wanted === null && value === undefined);
}

/** RFC 6901; undefined where there is nothing. Inherited properties are nothing. */
function valueAt(data: unknown, pointer: string): unknown {
  let value = data;
  for (const token of pointer.split('/').slice(1)) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = Reflect.get(value, name);
  }
  return value;
}
