import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { parseManifest } from '../controller/manifest/parse-manifest.ts';
import type { ContextSpec } from '../controller/manifest/spec.ts';
import { CommandFailure } from './failure.ts';
import { type PlacedProblem, problemsFailure } from './problem-text.ts';

export interface Project {
  /** Absolute folder of the manifest. */
  readonly root: string;
  /** Absolute path of the manifest. */
  readonly file: string;
  readonly spec: ContextSpec;
  readonly warnings: readonly PlacedProblem[];
  /** Files that the manifest names and that were read, relative to `root`. */
  readonly inputs: readonly string[];
}

/** Where the manifest is: a folder stands for its faas.yaml. */
export function manifestPath(cwd: string, given: string): string {
  const path = resolve(cwd, given);
  return existsSync(path) && statSync(path).isDirectory() ? join(path, 'faas.yaml') : path;
}

/** Reads and checks a manifest. Every problem is in the failure that it throws. */
export async function readProject(file: string, cwd: string, env: Readonly<Record<string, string | undefined>>): Promise<Project> {
  const root = dirname(file);
  const inputs = new Set([basename(file)]);
  const parsed = parseManifest(readManifest(file, cwd), {
    file: basename(file),
    env,
    fileExists: path => existsSync(join(root, path)),
    readFile(path) {
      inputs.add(path);
      return existsSync(join(root, path)) ? readFileSync(join(root, path)) : undefined;
    },
  });
  if (parsed.kind === 'problems') throw await problemsFailure(parsed.problems, root, cwd);
  return { root, file, spec: parsed.spec, warnings: parsed.warnings, inputs: [...inputs] };
}

function readManifest(file: string, cwd: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw noManifest(file, cwd, cause);
  }
}

export function noManifest(file: string, cwd: string, cause?: unknown): CommandFailure {
  return new CommandFailure('FAAS_NO_MANIFEST', `cannot read the manifest ${relative(cwd, file) || file}`, {
    hint: 'Name it with --file, or make a project with: faas init',
    cause,
  });
}
