import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

/** What a settings file says: dotted keys with the place of each. */
export interface SettingsFile {
  readonly entries: readonly SettingsFileEntry[];
  readonly errors: readonly { readonly place: string; readonly message: string }[];
}

export interface SettingsFileEntry {
  /** `gateway.port`, however deep it was nested. */
  readonly key: string;
  readonly value: unknown;
  /** `faas.settings.yaml:3:5` */
  readonly place: string;
}

/** Larger files are not settings. */
const bytesMax = 65_536;
const depthMax = 4;

/** Reads without judging keys or values; what is not YAML, is given twice, or is nested too deeply is an error with its place. */
export function readSettingsFile(text: string, fileName: string): SettingsFile {
  if (text.length > bytesMax) return { entries: [], errors: [{ place: fileName, message: `the file is larger than ${bytesMax} bytes` }] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, logLevel: 'error' });
  const placeOf = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${fileName}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const errors = [...document.errors, ...document.warnings].map(error => ({ place: placeOf(error.pos[0]), message: error.message }));
  if (errors.length > 0 || document.contents === null) return { entries: [], errors };
  return collect(document.contents, [], placeOf, placeOf(0));
}

function collect(node: Node | null, path: readonly string[], placeOf: (offset: number) => string, place: string): SettingsFile {
  if (!isMap(node)) return leaf(node, path, place);
  if (path.length >= depthMax) return { entries: [], errors: [{ place, message: `nested more than ${depthMax} deep` }] };
  const parts = node.items.map(({ key, value }): SettingsFile => {
    const at = isScalar(key) && key.range ? placeOf(key.range[0]) : place;
    if (!isScalar(key) || typeof key.value !== 'string') return { entries: [], errors: [{ place: at, message: 'a key must be a name' }] };
    return collect(isNode(value) ? value : null, [...path, key.value], placeOf, at);
  });
  return { entries: parts.flatMap(part => part.entries), errors: parts.flatMap(part => part.errors) };
}

function leaf(node: Node | null, path: readonly string[], place: string): SettingsFile {
  if (path.length === 0) return { entries: [], errors: [{ place, message: 'the file must be a mapping of settings' }] };
  const value: unknown = isSeq(node) ? node.toJSON() : isScalar(node) ? node.value : null;
  return { entries: [{ key: path.join('.'), value, place }], errors: [] };
}

function isNode(value: unknown): value is Node {
  return isMap(value) || isSeq(value) || isScalar(value);
}
