import type { FilterSpec } from '../manifest/spec.ts';
import type { RecordHeader } from '../ports/streams.ts';
import { textOf } from './event-attributes.ts';

/** Whether the conditions on key and headers hold; those on payload fields are the pod's. Names of headers are compared in lower case, the last one wins. */
export function passesFilter(filter: FilterSpec | undefined, key: Uint8Array | null, headers: readonly RecordHeader[]): boolean {
  if (filter === undefined) return true;
  if (filter.key !== undefined && (key === null || !matches(filter.key, textOf(key)))) return false;
  for (const [name, pattern] of Object.entries(filter.headers)) {
    const header = headers.findLast(([candidate]) => candidate.toLowerCase() === name.toLowerCase());
    if (header === undefined || !matches(pattern, textOf(header[1]))) return false;
  }
  return true;
}

/** An exact text, or `prefix*`. */
function matches(pattern: string, text: string): boolean {
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern;
}
