import type { ManifestProblemCode, Problem } from './problem.ts';

/** Line and column, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export const fileStart: Position = { line: 1, column: 1 };

/** Gathers problems; each place and message once, in the order of the file. */
export class ProblemList {
  readonly #file: string;
  readonly #found = new Map<string, Problem>();

  constructor(file: string) {
    this.#file = file;
  }

  add(code: ManifestProblemCode, position: Position, message: string, hint?: string): void {
    this.addIn(this.#file, code, position, message, hint);
  }

  addIn(file: string, code: ManifestProblemCode, position: Position, message: string, hint?: string): void {
    const problem = { code, file, line: position.line, column: position.column, message, hint };
    const id = `${file}:${position.line}:${position.column} ${message}`;
    if (!this.#found.has(id) && this.#found.size < problemsMax) this.#found.set(id, problem);
  }

  get size(): number {
    return this.#found.size;
  }

  list(): readonly Problem[] {
    return [...this.#found.values()].sort(
      (a, b) => Number(a.file !== this.#file) - Number(b.file !== this.#file) || a.line - b.line || a.column - b.column,
    );
  }
}

/** More than anyone reads; keeps the answer to a hostile file small. */
const problemsMax = 1000;
