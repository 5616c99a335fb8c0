import { pointerOf } from './path.ts';
import type { Position } from './problem-list.ts';
import { TextLines } from './text-lines.ts';

export type JsonSource =
  | { readonly kind: 'ok'; readonly value: unknown; readonly place: (pointer: string) => Position }
  | { readonly kind: 'malformed'; readonly position: Position; readonly message: string };

/** JSON with positions, which `JSON.parse` does not give: of each value, and of the first thing that is wrong. */
export function readJson(text: string): JsonSource {
  const scanner = new Scanner(text);
  const fault = scanner.scan();
  const lines = new TextLines(text);
  if (fault !== undefined) return { kind: 'malformed', position: lines.at(fault.offset), message: fault.message };
  return { kind: 'ok', value: JSON.parse(text), place: pointer => lines.at(scanner.offsets.get(pointer) ?? 0) };
}

/** Of a JSON Schema; 8 less than a manifest may be deep, so that it can stand in one. */
const depthMax = 56;

interface Fault {
  readonly offset: number;
  readonly message: string;
}

const space = /[ \t\r\n]*/y;
const string = /"(?:[^"\\]|\\.)*"/y;
const atom = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null/y;

class Scanner {
  readonly offsets = new Map<string, number>();
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  scan(): Fault | undefined {
    const fault = this.#value([]);
    if (fault !== undefined) return fault;
    this.#take(space);
    return this.#at < this.#text.length ? this.#fault('the end') : undefined;
  }

  #value(path: readonly (string | number)[]): Fault | undefined {
    this.#take(space);
    this.offsets.set(pointerOf(path), this.#at);
    if (path.length > depthMax) return { offset: this.#at, message: `nested more than ${depthMax} deep` };
    const first = this.#text[this.#at];
    if (first === '{') return this.#members(path);
    if (first === '[') return this.#items(path);
    if (first === '"')
      return typeof this.#string() === 'string' ? undefined : this.#fault('text in double quotes, without control characters');
    return this.#take(atom) === '' ? this.#fault('a value') : undefined;
  }

  /** The finer rules of text are left to the built-in parser; undefined, and nothing is taken, when they are broken. */
  #string(): string | undefined {
    const start = this.#at;
    const taken = this.#take(string);
    try {
      return String(JSON.parse(taken));
    } catch {
      this.#at = start;
      return undefined;
    }
  }

  #members(path: readonly (string | number)[]): Fault | undefined {
    const seen = new Set<string>();
    return this.#sequence('}', () => {
      const offset = this.#at;
      const name = this.#string();
      if (name === undefined) return this.#fault('a key in double quotes');
      if (name === '__proto__') return { offset, message: 'the key "__proto__" is not allowed' };
      if (seen.has(name)) return { offset, message: `the key "${name}" is given twice` };
      seen.add(name);
      this.#take(space);
      if (this.#text[this.#at] !== ':') return this.#fault('":"');
      this.#at += 1;
      return this.#value([...path, name]);
    });
  }

  #items(path: readonly (string | number)[]): Fault | undefined {
    let index = 0;
    return this.#sequence(']', () => this.#value([...path, index++]));
  }

  /** What stands between brackets, with commas. */
  #sequence(end: string, element: () => Fault | undefined): Fault | undefined {
    this.#at += 1;
    this.#take(space);
    if (this.#text[this.#at] === end) {
      this.#at += 1;
      return undefined;
    }
    for (;;) {
      this.#take(space);
      const fault = element();
      if (fault !== undefined) return fault;
      this.#take(space);
      const next = this.#text[this.#at];
      if (next !== ',' && next !== end) return this.#fault(`"," or "${end}"`);
      this.#at += 1;
      if (next === end) return undefined;
    }
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const taken = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += taken.length;
    return taken;
  }

  #fault(expected: string): Fault {
    const found = this.#at < this.#text.length ? JSON.stringify(this.#text[this.#at]) : 'the end';
    return { offset: this.#at, message: `${found} is given, expected ${expected}` };
  }
}
