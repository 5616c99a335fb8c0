/**
 * A condition of a resource as `<status> <reason>`, `False FAAS_LOAD_SYNTAX`; `not looked at` while it is of an earlier generation. `at`: arguments that name
 * the resource, `fn shop.totals -n shop`.
 */
export async function conditionOf(kubectl: (...args: string[]) => Promise<string>, at: readonly string[], type: string): Promise<string> {
  const one = `.status.conditions[?(@.type=="${type}")]`;
  const path = `{.metadata.generation} {.status.observedGeneration} {${one}.status} {${one}.reason}`;
  const [generation, observed, ...found] = (await kubectl('get', ...at, '-o', `jsonpath=${path}`)).split(' ');
  return generation === observed ? found.join(' ') : 'not looked at';
}
