import { unitOf } from '../functions/live-function.ts';
import type { Cursor } from './cursor.ts';
import { qualify } from './name.ts';
import { didYouMean } from './nearest.ts';
import type { Neighbours } from './resolving.ts';
import type { StreamRef } from './spec.ts';

export function resolveStreamRefs(at: Cursor, neighbours: Neighbours): readonly StreamRef[] {
  return distinct(
    at,
    item => resolveStreamRef(item, neighbours),
    ref => `${ref.context}.${ref.stream}`,
  );
}

export function resolveCallees(at: Cursor, neighbours: Neighbours): readonly string[] {
  return distinct(
    at,
    item => resolveCallee(item, neighbours),
    unit => unit,
  );
}

function distinct<T>(at: Cursor, resolve: (item: Cursor) => T | undefined, idOf: (value: T) => string): readonly T[] {
  const found = new Map<string, T>();
  for (const item of at.items()) {
    const value = resolve(item);
    if (value === undefined) continue;
    if (found.has(idOf(value))) item.problem('FAAS_MANIFEST_DUPLICATE', `"${item.text()}" is listed twice`, 'Remove one of them.');
    found.set(idOf(value), value);
  }
  return [...found.values()];
}

/** A stream of this context has to be declared; those of others are looked up at deploy. */
function resolveStreamRef(at: Cursor, neighbours: Neighbours): StreamRef | undefined {
  const found = qualify(at.text() ?? '', neighbours.context);
  if (found === undefined) return undefined;
  if (found.context === neighbours.context && !neighbours.streams.has(found.name)) {
    at.problem(
      'FAAS_MANIFEST_UNDECLARED',
      `the stream "${found.written}" is not declared under "streams"`,
      nearestOf(found.name, neighbours.streams),
    );
  }
  return { name: found.written, context: found.context, stream: found.name };
}

function resolveCallee(at: Cursor, neighbours: Neighbours): string | undefined {
  const found = qualify(at.text() ?? '', neighbours.context);
  if (found === undefined) return undefined;
  if (found.context === neighbours.context && !neighbours.functions.has(found.name)) {
    at.problem(
      'FAAS_MANIFEST_UNDECLARED',
      `the function "${found.written}" is not declared under "functions"`,
      nearestOf(found.name, neighbours.functions),
    );
  }
  return unitOf(found.context, found.name);
}

function nearestOf(name: string, known: ReadonlySet<string>): string {
  return didYouMean(name, known) ?? (known.size === 0 ? 'None is declared.' : `Declared: ${[...known].slice(0, 20).join(', ')}.`);
}
