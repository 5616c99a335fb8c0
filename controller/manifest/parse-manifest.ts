import { checkShape } from './check-shape.ts';
import { Cursor } from './cursor.ts';
import { decodeUtf8 } from './decode-utf8.ts';
import type { Path } from './path.ts';
import type { Problem } from './problem.ts';
import { fileStart, ProblemList } from './problem-list.ts';
import { resolveContext } from './resolve-context.ts';
import type { ManifestSurroundings } from './resolving.ts';
import type { ContextSpec } from './spec.ts';
import { manifestBytesMax, readYaml } from './yaml-source.ts';

export type { ManifestSurroundings };

export type ParsedManifest =
  | { readonly kind: 'ok'; readonly spec: ContextSpec; readonly warnings: readonly Problem[] }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] };

/**
 * `faas.yaml` → checked spec, or all problems at once in the order of the file. Pure but for what is passed in. Other contexts are not looked at:
 * that is `checkAgainst`, at deploy.
 */
export function parseManifest(source: string | Uint8Array, surroundings: ManifestSurroundings): ParsedManifest {
  const problems = new ProblemList(surroundings.file);
  const warnings = new ProblemList(surroundings.file);
  const text = decode(source, problems);
  const tree =
    text === undefined ? undefined : readYaml(text, { env: surroundings.env, isSecret: isSecretPlace, isSchema: isSchemaPlace }, problems);
  if (tree === undefined) return { kind: 'problems', problems: problems.list() };
  checkShape(tree, problems);
  const spec = resolveContext(new Cursor(tree, problems, [], tree.value), { ...surroundings, problems, warnings });
  return problems.size > 0 ? { kind: 'problems', problems: problems.list() } : { kind: 'ok', spec, warnings: warnings.list() };
}

function isSecretPlace(path: Path): boolean {
  return path[0] === 'functions' && path[2] === 'on' && path.at(-1) === 'secret';
}

function isSchemaPlace(path: Path): boolean {
  return path[0] === 'streams' && path[2] === 'schema';
}

function decode(source: string | Uint8Array, problems: ProblemList): string | undefined {
  const bytes = typeof source === 'string' ? Buffer.byteLength(source) : source.byteLength;
  if (bytes > manifestBytesMax) {
    problems.add('FAAS_MANIFEST_TOO_LARGE', fileStart, `${bytes} bytes, expected at most ${manifestBytesMax}`);
    return undefined;
  }
  if (typeof source === 'string') return source;
  const decoded = decodeUtf8(source);
  if (decoded.kind === 'ok') return decoded.text;
  problems.add('FAAS_MANIFEST_ENCODING', decoded.position, 'a byte that is not UTF-8', 'Save the file as UTF-8.');
  return undefined;
}
