import type { Cursor } from './cursor.ts';
import type { ResourceTrigger } from './spec.ts';

const all = ['added', 'modified', 'deleted'] as const;

/** `names`: of the resource triggers of this function so far. */
export function resolveResource(at: Cursor, names: Set<string>): ResourceTrigger {
  const events = at.at('events');
  return {
    kind: 'resource',
    name: resolveName(at, names),
    apiVersion: at.at('apiVersion').text() ?? '',
    resourceKind: at.at('kind').text() ?? '',
    namespace: at.at('namespace').text(),
    selector: at.at('selector').text(),
    fields: at
      .at('fields')
      .items()
      .flatMap(item => item.text() ?? []),
    events: events.isThere ? all.filter(event => events.items().some(item => item.value === event)) : all,
  };
}

function resolveName(at: Cursor, names: Set<string>): string {
  const name = at.at('name').text() ?? `resource-${names.size + 1}`;
  if (names.has(name))
    at.at('name').problem(
      'FAAS_MANIFEST_DUPLICATE',
      `the name "${name}" is that of another resource trigger of this function`,
      'Name both.',
    );
  names.add(name);
  return name;
}
