/** A pointer with more segments finds nothing. */
export const pointerDepthMax = 32;

/**
 * The one value that an RFC 6901 pointer names: a string, or the source text of a number or boolean. Undefined: not there, null, an object or an
 * array, or the document is no JSON up to that place. Found by scanning the text once: nothing else is decoded, no tree is built for a sender's
 * sake, and no recursion follows the document's nesting. A member name that is there twice: the first one counts. What comes after the value is
 * not looked at, so this is no check of the document.
 */
export function readPointer(body: Uint8Array, pointer: string): string | undefined {
  const path = parsePointer(pointer);
  if (path === undefined || path.length > pointerDepthMax) return undefined;
  const text = decodeUtf8(body);
  return text === undefined ? undefined : new Scanner(text).find(path);
}

/** The unescaped segments; undefined when the text is no pointer. */
export function parsePointer(pointer: string): readonly string[] | undefined {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) return undefined;
  return pointer
    .slice(1)
    .split('/')
    .map(segment => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decodeUtf8(body: Uint8Array): string | undefined {
  try {
    return utf8.decode(body);
  } catch {
    // Not UTF-8: then it is no JSON either.
    return undefined;
  }
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  find(path: readonly string[]): string | undefined {
    for (const segment of path) {
      this.#space();
      const opener = this.#text[this.#at];
      const found = opener === '{' ? this.#enterMember(segment) : opener === '[' ? this.#enterItem(segment) : false;
      if (!found) return undefined;
    }
    return this.#scalar();
  }

  /** Moves behind the colon of the named member. */
  #enterMember(name: string): boolean {
    this.#at += 1;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') return false;
      const key = this.#string();
      this.#space();
      if (key === undefined || this.#text[this.#at] !== ':') return false;
      this.#at += 1;
      if (key === name) return true;
      if (!this.#skip()) return false;
      this.#space();
      if (this.#text[this.#at] !== ',') return false;
      this.#at += 1;
    }
  }

  #enterItem(segment: string): boolean {
    if (!/^(0|[1-9]\d{0,8})$/.test(segment)) return false;
    this.#at += 1;
    for (let rest = Number(segment); rest > 0; rest -= 1) {
      if (!this.#skip()) return false;
      this.#space();
      if (this.#text[this.#at] !== ',') return false;
      this.#at += 1;
    }
    this.#space();
    return this.#text[this.#at] !== ']';
  }

  /** Passes one value of whatever kind, by counting brackets outside of strings. */
  #skip(): boolean {
    this.#space();
    let depth = 0;
    do {
      const char = this.#text[this.#at];
      if (char === undefined) return false;
      if (char === '"') {
        if (!this.#passString()) return false;
      } else if (char === '{' || char === '[') {
        depth += 1;
        this.#at += 1;
      } else if (char === '}' || char === ']') {
        if (depth === 0) return false;
        depth -= 1;
        this.#at += 1;
      } else if (depth > 0 && /[\s,:]/.test(char)) {
        this.#at += 1;
      } else if (!this.#word()) {
        return false;
      }
    } while (depth > 0);
    return true;
  }

  #scalar(): string | undefined {
    this.#space();
    if (this.#text[this.#at] === '"') return this.#string();
    const word = this.#word();
    return word === 'null' ? undefined : word;
  }

  /** true, false, null or a number, as written. */
  #word(): string | undefined {
    const pattern = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;
    pattern.lastIndex = this.#at;
    const word = pattern.exec(this.#text)?.[0];
    if (word !== undefined) this.#at += word.length;
    return word;
  }

  #string(): string | undefined {
    const from = this.#at;
    if (!this.#passString()) return undefined;
    try {
      const value: unknown = JSON.parse(this.#text.slice(from, this.#at));
      return typeof value === 'string' ? value : undefined;
    } catch {
      // An escape or a control character that JSON does not allow.
      return undefined;
    }
  }

  #passString(): boolean {
    for (let at = this.#at + 1; at < this.#text.length; at += 1) {
      const char = this.#text.charCodeAt(at);
      if (char === 0x5c) at += 1;
      else if (char === 0x22) {
        this.#at = at + 1;
        return true;
      }
    }
    return false;
  }

  #space(): void {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? 'x')) this.#at += 1;
  }
}
