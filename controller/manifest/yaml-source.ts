import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  type Scalar,
  type YAMLParseError,
  type YAMLWarning,
} from 'yaml';
import { interpolate } from './interpolation.ts';
import { objectNames } from './name.ts';
import { type Path, pointerOf } from './path.ts';
import { fileStart, type Position, type ProblemList } from './problem-list.ts';
import { TextLines } from './text-lines.ts';

/** Plain values of a YAML file, with the position of each. */
export interface SourceTree {
  /** Objects without a prototype, arrays, text, numbers, booleans, null. */
  readonly value: unknown;
  /** Position of a value, or of the key it stands under; of the nearest thing around it when there is none. */
  place(path: Path, part: 'key' | 'value'): Position;
  /** True when the value, or what is around it, could not be read, which has been said already. */
  isUnreadable(path: Path): boolean;
  /** True when the value has been found to be wrong: nothing more needs to be said about it. */
  isRefused(path: Path): boolean;
  refuse(path: Path): void;
}

export interface ReadOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Places where `${NAME}` is refused. */
  readonly isSecret: (path: Path) => boolean;
  /** Places inside of a JSON Schema: `constructor` is a fine name of a property there. */
  readonly isSchema: (path: Path) => boolean;
}

/** Bounds of a manifest. Real ones are a few kilobytes; above these a file is a mistake or an attack. */
export const manifestBytesMax = 1_048_576;
const depthMax = 64;
const nodesMax = 100_000;

/** undefined: the file cannot be read at all; the reasons are in `problems`. */
export function readYaml(text: string, options: ReadOptions, problems: ProblemList): SourceTree | undefined {
  const lines = new TextLines(text);
  const deep = firstTooDeep(text);
  if (deep !== undefined) {
    problems.add('FAAS_MANIFEST_TOO_LARGE', lines.at(deep), tooDeep);
    return undefined;
  }
  const document = parseDocument(text, { prettyErrors: false, uniqueKeys: false, resolveKnownTags: false, logLevel: 'error' });
  for (const error of syntaxErrors(document)) reportSyntax(error, text, lines.at(error.pos[0]), problems);
  if (problems.size > 0) return undefined;
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    const hint = 'Start with "version: 1" and "context: <name>", or run faas init.';
    problems.add('FAAS_MANIFEST_EMPTY', fileStart, 'the file is empty, expected a manifest', hint);
    return undefined;
  }
  return new Reader(text, options, problems, lines).read(document.contents);
}

const tooDeep = `nested more than ${depthMax} deep`;

/** After an unexpected token the library stumbles over all that follows: the first one is the news. */
function syntaxErrors(document: Document.Parsed): readonly (YAMLParseError | YAMLWarning)[] {
  const [first, ...rest] = [...document.errors, ...document.warnings];
  return first === undefined ? [] : [first, ...rest.filter(error => error.code !== 'UNEXPECTED_TOKEN' && error.pos[0] !== first.pos[0])];
}

function reportSyntax(error: YAMLParseError | YAMLWarning, text: string, position: Position, problems: ProblemList): void {
  if (error.code === 'RESOURCE_EXHAUSTION') {
    problems.add('FAAS_MANIFEST_TOO_LARGE', position, tooDeep);
  } else if (error.code === 'MULTIPLE_DOCS') {
    problems.add('FAAS_MANIFEST_SYNTAX', position, 'a second document starts, expected one', 'Keep one context per file.');
  } else {
    const reference = text.slice(error.pos[0] - 1, error.pos[0] + 1) === '${';
    const hint = reference ? `Quote a \${NAME} that stands inside of braces.` : undefined;
    problems.add('FAAS_MANIFEST_SYNTAX', position, `not valid YAML: ${lowerFirst(error.message)}`, hint);
  }
}

/**
 * The YAML library calls itself for each level and would run out of stack: brackets, dashes and indentation are counted first, generously
 * (those inside of text count too, hence twice the limit).
 */
function firstTooDeep(text: string): number | undefined {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text[at];
    if (unit === '[' || unit === '{') depth += 1;
    else if ((unit === ']' || unit === '}') && depth > 0) depth -= 1;
    if (depth > 2 * depthMax) return at;
  }
  const dashes = /(?:^|\n)[ \t]*(?:[-?:][ \t]+){64}/.exec(text);
  if (dashes !== null) return dashes.index + dashes[0].length;
  return undefined;
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

class Reader {
  readonly #text: string;
  readonly #options: ReadOptions;
  readonly #problems: ProblemList;
  readonly #lines: TextLines;
  readonly #anchors = new Map<string, Node>();
  readonly #keys = new Map<string, Position>();
  readonly #values = new Map<string, Position>();
  readonly #unreadable = new Set<string>();
  readonly #refused = new Set<string>();
  #nodes = 0;

  constructor(text: string, options: ReadOptions, problems: ProblemList, lines: TextLines) {
    this.#text = text;
    this.#options = options;
    this.#problems = problems;
    this.#lines = lines;
  }

  read(root: Node): SourceTree {
    const value = this.#value(root, [], undefined);
    return {
      value,
      place: (path, part) => this.#place(path, part),
      refuse: path => this.#refused.add(pointerOf(path)),
      isRefused: path => this.#refused.has(pointerOf(path)),
      isUnreadable: path => path.some((_, index) => this.#unreadable.has(pointerOf(path.slice(0, index + 1)))),
    };
  }

  #place(path: Path, part: 'key' | 'value'): Position {
    for (let length = path.length; length >= 0; length -= 1) {
      const pointer = pointerOf(path.slice(0, length));
      const key = this.#keys.get(pointer);
      const value = this.#values.get(pointer);
      const found = part === 'key' || length < path.length ? (key ?? value) : (value ?? key);
      if (found !== undefined) return found;
    }
    return fileStart;
  }

  /** `at`: where an alias stands whose target is read; what is found in there is reported at the alias. */
  #value(node: Node | null, path: Path, at: Position | undefined): unknown {
    const pointer = pointerOf(path);
    const position = at ?? (node?.range ? this.#lines.at(node.range[0]) : undefined);
    if (position !== undefined) this.#values.set(pointer, position);
    this.#nodes += 1;
    if (this.#nodes > nodesMax || path.length > depthMax) return this.#tooLarge(path, position ?? fileStart);
    if (node === null) return null;
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target !== undefined) return this.#value(target, path, position);
      this.#giveUp(path, 'FAAS_MANIFEST_SYNTAX', position ?? fileStart, `no anchor "&${node.source}" before this alias`);
      return null;
    }
    if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isMap(node)) return this.#mapping(node.items, path, at);
    if (isSeq(node)) return node.items.map((item, index) => this.#value(asNode(item), [...path, index], at));
    if (isScalar(node)) return this.#scalar(node, path, position ?? fileStart);
    return null;
  }

  #mapping(items: readonly { readonly key: unknown; readonly value: unknown }[], path: Path, at: Position | undefined): unknown {
    const result: Record<string, unknown> = Object.create(null);
    for (const { key, value } of items) {
      const keyNode = asNode(key);
      const position = at ?? (keyNode?.range ? this.#lines.at(keyNode.range[0]) : this.#place(path, 'value'));
      if (!isScalar(keyNode) || keyNode.value === null || typeof keyNode.value === 'object') {
        this.#problems.add('FAAS_MANIFEST_WRONG_TYPE', position, 'a key is no text, expected a name');
        continue;
      }
      // The source text: `1.0`, `yes` and `0x10` are names as they are written.
      const name = typeof keyNode.value === 'string' ? keyNode.value : (keyNode.source ?? String(keyNode.value));
      const inner = [...path, name];
      if (objectNames.includes(name) && (name === '__proto__' || !this.#options.isSchema(path))) {
        this.#problems.add('FAAS_MANIFEST_FORBIDDEN_KEY', position, `the key "${name}" is not allowed`, 'Choose another name.');
      } else if (Object.hasOwn(result, name)) {
        const first = this.#place(inner, 'key');
        this.#problems.add(
          'FAAS_MANIFEST_DUPLICATE_KEY',
          position,
          `the key "${name}" is given twice, first in line ${first.line}`,
          'Remove one of them.',
        );
      } else {
        this.#keys.set(pointerOf(inner), position);
        result[name] = this.#value(asNode(value), inner, at);
      }
    }
    return result;
  }

  #scalar(node: Scalar, path: Path, position: Position): unknown {
    if (typeof node.value === 'bigint') return Number(node.value);
    if (typeof node.value !== 'string' || !node.value.includes('${')) return node.value;
    if (this.#options.isSecret(path)) {
      this.#giveUp(
        path,
        'FAAS_MANIFEST_INTERPOLATED_SECRET',
        position,
        `a secret is named as it is, \${NAME} is not replaced here`,
        'Name the secret, and set FAAS_SECRET_<NAME> on the server.',
      );
      return null;
    }
    const result = interpolate(node.value, this.#options.env);
    let from = node.range?.[0] ?? 0;
    const locate = (written: string) => {
      const found = this.#text.indexOf(written, from);
      if (found === -1 || found >= (node.range?.[1] ?? 0)) return position;
      from = found + 1;
      return this.#lines.at(found);
    };
    for (const { name, written } of result.unresolved) {
      this.#giveUp(
        path,
        'FAAS_MANIFEST_UNRESOLVED',
        locate(written),
        `${written} has no value`,
        `Set the environment variable ${name}, or write \${${name}:-default}.`,
      );
    }
    for (const written of result.malformed) {
      this.#giveUp(
        path,
        'FAAS_MANIFEST_BAD_VALUE',
        locate(written),
        `${written} is not a reference, expected \${NAME} or \${NAME:-default}`,
        'Write $${ for a literal ${.',
      );
    }
    // As YAML has it: a quoted value is text, a plain one is what it looks like.
    return result.changed && node.type === 'PLAIN' ? typed(result.text) : result.text;
  }

  #tooLarge(path: Path, position: Position): null {
    const message = path.length > depthMax ? tooDeep : `more than ${nodesMax} values`;
    if (this.#nodes <= nodesMax + 1 || path.length > depthMax) this.#giveUp(path, 'FAAS_MANIFEST_TOO_LARGE', position, message);
    return null;
  }

  #giveUp(path: Path, code: Parameters<ProblemList['add']>[0], position: Position, message: string, hint?: string): void {
    this.#unreadable.add(pointerOf(path));
    this.#problems.add(code, position, message, hint);
  }
}

function asNode(value: unknown): Node | null {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value) ? value : null;
}

/** The numbers and booleans of YAML's core schema. */
function typed(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^[-+]?[0-9]{1,15}(\.[0-9]{1,15})?$/.test(text) ? Number(text) : text;
}
