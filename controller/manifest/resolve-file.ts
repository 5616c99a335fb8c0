/**
 * A path as the manifest writes it → the shortest relative path below the manifest's folder, or undefined when it leads outside, is absolute, or
 * is written for one kind of machine only.
 */
export function resolveInside(written: string): string | undefined {
  if (/^\/|^[A-Za-z]:|^~|[\\\0]|:\/\//.test(written)) return undefined;
  const parts: string[] = [];
  for (const part of written.split('/')) {
    if (part === '..') {
      if (parts.pop() === undefined) return undefined;
    } else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.length === 0 ? undefined : parts.join('/');
}
