import type { Path } from './path.ts';
import type { ManifestProblemCode } from './problem.ts';
import type { Position, ProblemList } from './problem-list.ts';
import { show } from './show-value.ts';
import type { SourceTree } from './yaml-source.ts';

/**
 * One place in the manifest. Reading never fails: a value of the wrong shape has been reported by the shape check, so it reads as absent and the
 * rest of the file is looked at all the same.
 */
export class Cursor {
  readonly path: Path;
  readonly value: unknown;
  readonly #tree: SourceTree;
  readonly #problems: ProblemList;

  constructor(tree: SourceTree, problems: ProblemList, path: Path, value: unknown) {
    this.path = path;
    this.value = value;
    this.#tree = tree;
    this.#problems = problems;
  }

  get isThere(): boolean {
    return this.value !== undefined;
  }

  at(key: string): Cursor {
    const held = isMapping(this.value) && Object.hasOwn(this.value, key) ? this.value[key] : undefined;
    return new Cursor(this.#tree, this.#problems, [...this.path, key], held);
  }

  /** What is further in; only for its position. */
  within(path: Path): Cursor {
    return new Cursor(this.#tree, this.#problems, [...this.path, ...path], undefined);
  }

  /** Keys of a mapping with their values, in the order of the file. */
  entries(): readonly (readonly [string, Cursor])[] {
    return isMapping(this.value) ? Object.keys(this.value).map(key => [key, this.at(key)] as const) : [];
  }

  items(): readonly Cursor[] {
    if (!Array.isArray(this.value)) return [];
    return this.value.map((item: unknown, index) => new Cursor(this.#tree, this.#problems, [...this.path, index], item));
  }

  text(): string | undefined {
    return typeof this.value === 'string' ? this.value : undefined;
  }

  /** Text, or a number or boolean as YAML prints it. */
  scalar(): string | undefined {
    const { value } = this;
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
  }

  whole(): number | undefined {
    return Number.isInteger(this.value) ? Number(this.value) : undefined;
  }

  boolean(): boolean | undefined {
    return typeof this.value === 'boolean' ? this.value : undefined;
  }

  /** One of `values`, else `fallback`. */
  choice<const T extends string, const F>(values: readonly T[], fallback: F): T | F {
    return values.find(value => value === this.value) ?? fallback;
  }

  /** A value with a unit, from `min` to `max`, both as written. */
  amount(parse: (text: string) => number | undefined, fallback: number, min: string, max: string): number {
    const text = this.scalar();
    if (text === undefined) return fallback;
    const amount = parse(text);
    if (amount === undefined || amount < (parse(min) ?? 0) || amount > (parse(max) ?? 0)) {
      this.problem('FAAS_MANIFEST_OUT_OF_BOUNDS', `${show(this.value)} is out of bounds, expected ${min} to ${max}`);
    }
    return amount ?? fallback;
  }

  problem(code: ManifestProblemCode, message: string, hint?: string, part: 'key' | 'value' = 'value'): void {
    if (!this.#tree.isUnreadable(this.path) && !this.#tree.isRefused(this.path)) this.#problems.add(code, this.place(part), message, hint);
  }

  place(part: 'key' | 'value' = 'value'): Position {
    return this.#tree.place(this.path, part);
  }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
