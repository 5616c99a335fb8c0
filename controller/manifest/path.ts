/** Where a value stands in the manifest: keys and list positions from the top. */
export type Path = readonly (string | number)[];

/** RFC 6901 JSON pointer; '' is the whole document. */
export function pointerOf(path: Path): string {
  return path.map(part => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
