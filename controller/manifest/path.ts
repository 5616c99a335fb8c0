/** Where a value stands in the manifest: keys and list positions from the top. */
export type Path = readonly (string | number)[];

/** The same place, with list positions as numbers: told from the value that the pointer leads through. */
export function pathOf(pointer: string, root: unknown): Path {
  const path: (string | number)[] = [];
  let value: unknown = root;
  for (const raw of pointer.split('/').slice(1)) {
    const part = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(Array.isArray(value) ? Number(part) : part);
    value = Object(value)[part];
  }
  return path;
}

/** RFC 6901 JSON pointer; '' is the whole document. */
export function pointerOf(path: Path): string {
  return path.map(part => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
