import { readFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { CommandFailure } from './failure.ts';
import { printableLines } from './output.ts';

/** Something wrong at a place of a file: what the manifest and the bundler find. */
export interface PlacedProblem {
  readonly code: string;
  /** Relative to the manifest's folder. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly hint: string | undefined;
}

/** A failure that lists every problem as file:line:column, each with the lines around it. Paths are as seen from `cwd`. */
export async function problemsFailure(problems: readonly PlacedProblem[], root: string, cwd: string): Promise<CommandFailure> {
  const where: string[] = [];
  for (const problem of problems) where.push(...(await describeProblem(problem, root, cwd)));
  const [first] = problems;
  if (problems.length === 1 && first !== undefined) return new CommandFailure(first.code, first.message, { where, hint: first.hint });
  return new CommandFailure('FAAS_PROBLEMS', `${problems.length} problems`, { where });
}

async function describeProblem(problem: PlacedProblem, root: string, cwd: string): Promise<readonly string[]> {
  const path = resolve(root, problem.file);
  const place = `${relative(cwd, path) || problem.file}:${problem.line}:${problem.column}`;
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const hint = problem.hint === undefined ? '' : `. ${problem.hint}`;
  return [`${place} ${problem.message}${hint}`, ...(text === undefined ? [] : codeFrame(text, problem.line, problem.column))];
}

/** Longer lines are cut around the column: minified files have one line. */
const lineMax = 120;

/** The line before, the line itself and a mark under the column. */
export function codeFrame(text: string, line: number, column: number): readonly string[] {
  const lines = text.split(/\r?\n/);
  const width = String(line).length;
  const from = Math.max(0, column - 1 - lineMax / 2);
  const show = (number: number, mark: string) =>
    `${mark} ${String(number).padStart(width)} | ${visible((lines[number - 1] ?? '').slice(from, from + lineMax))}`;
  const frame = line > 1 ? [show(line - 1, ' ')] : [];
  const before = visible((lines[line - 1] ?? '').slice(from, column - 1));
  return [...frame, show(line, '>'), `  ${' '.repeat(width)} | ${' '.repeat(before.length)}^`];
}

function visible(text: string): string {
  return printableLines(text.replaceAll('\t', '  '));
}
