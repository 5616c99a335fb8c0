import { readFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import type { Problem } from '../controller/api/contract.ts';
import { ApiRefusal } from './api-client.ts';
import { CommandFailure } from './failure.ts';
import { codeFrame } from './problem-text.ts';

type Entry = NonNullable<Problem['problems']>[number];

/**
 * A refused deployment, where a server knows the place in the sources at which a function threw: shown like what the bundler finds, with the lines around it and paths
 * as seen from `cwd`. Everything else stays as it is.
 */
export async function placedRefusal(cause: unknown, root: string, cwd: string): Promise<unknown> {
  if (!(cause instanceof ApiRefusal)) return cause;
  const { code, detail, hint, problems = [] } = cause.problem;
  if (!problems.some(one => one.place !== undefined)) return cause;
  const seen = (place: string) => seenFrom(place, root, cwd);
  const [only, ...others] = problems;
  if (only !== undefined && others.length === 0) {
    const where = [named(only), ...(await below(only, root, cwd))];
    return new CommandFailure(code, messageOf(only, seen), { where, hint: [only.hint, hint].filter(Boolean).join(' ') || undefined });
  }
  const where: string[] = [];
  for (const one of problems) {
    const way = one.hint === undefined ? [] : [one.hint];
    where.push(`${named(one)} ${messageOf(one, seen)}`, ...[...(await below(one, root, cwd)), ...way].map(line => `  ${line}`));
  }
  return new CommandFailure(code, detail, { where, hint });
}

function named({ at = '', code }: Entry): string {
  return code === undefined ? at : `${at} (${code})`.trim();
}

function messageOf({ message, place }: Entry, seen: (place: string) => string): string {
  return place === undefined ? message : message.replace(place, () => seen(place));
}

/** The line where it threw, and how it came there. */
async function below({ place, frames = [] }: Entry, root: string, cwd: string): Promise<readonly string[]> {
  if (place === undefined) return [];
  const { file, line, column } = partsOf(place);
  const text = await readFile(resolve(root, file), 'utf8').catch(() => undefined);
  const excerpt = text === undefined ? [] : codeFrame(text, line, column);
  // A stack of one frame is the place itself.
  if (frames.length < 2) return excerpt;
  const stack = frames.map(({ at, name }) =>
    name === undefined ? `at ${seenFrom(at, root, cwd)}` : `at ${name} (${seenFrom(at, root, cwd)})`,
  );
  return [...excerpt, ...stack];
}

function seenFrom(place: string, root: string, cwd: string): string {
  const { file, line, column } = partsOf(place);
  return `${relative(cwd, resolve(root, file)) || file}:${line}:${column}`;
}

function partsOf(place: string): { readonly file: string; readonly line: number; readonly column: number } {
  const [, file = place, line = '1', column = '1'] = /^(.*):(\d+):(\d+)$/.exec(place) ?? [];
  return { file, line: Number(line), column: Number(column) };
}
