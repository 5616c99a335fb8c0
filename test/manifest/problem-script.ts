import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseManifest } from '../../controller/manifest/parse-manifest.ts';
import { printProblem } from '../../controller/manifest/problem.ts';

/**
 * Scripts of bad manifests, test/data/manifest/*.txt. A case is
 *
 *     === what is wrong
 *     the manifest, or below `@ function` or `@ stream` what stands in one, or below `@ file <path>` a file beside it
 *     ----
 *     every problem that is reported, in order
 */
export interface ProblemCase {
  readonly title: string;
  readonly manifest: string;
  readonly files: ReadonlyMap<string, string>;
  readonly expected: string;
}

/** A fragment below `@ function` starts in line 8, column 5; one below `@ stream` in line 5, column 5. */
const functionHeader = `version: 1
context: shop
streams: { orders: {}, vips: { internal: true } }
functions:
  tax: { handler: src/tax.ts }
  totals:
    handler: src/totals.ts
`;
const streamHeader = `version: 1
context: shop
streams:
  orders:
`;

export function readCases(name: string): readonly ProblemCase[] {
  const file = fileURLToPath(new URL(`../data/manifest/${name}.txt`, import.meta.url));
  return readFileSync(file, 'utf8').split(/^=== /m).slice(1).map(parseCase);
}

function parseCase(text: string): ProblemCase {
  const [title = '', ...lines] = text.trimEnd().split('\n');
  const border = lines.indexOf('----');
  const parts = { manifest: '', files: new Map<string, string>() };
  let file: string | undefined;
  let indent = '';
  for (const line of lines.slice(0, border)) {
    const directive = /^@ (\S+) ?(.*)$/.exec(line);
    if (directive === null) {
      if (file === undefined) parts.manifest += `${indent}${line}\n`;
      else parts.files.set(file, `${parts.files.get(file) ?? ''}${line}\n`);
    } else if (directive[1] === 'file') file = directive[2] ?? '';
    else {
      parts.manifest = directive[1] === 'function' ? functionHeader : streamHeader;
      indent = '    ';
    }
  }
  return { title, ...parts, expected: lines.slice(border + 1).join('\n') };
}

export function report({ manifest, files }: Pick<ProblemCase, 'manifest' | 'files'>): string {
  const parsed = parseManifest(manifest, {
    file: 'faas.yaml',
    env: { FIVE: '5', WORD: 'word', EMPTY: '' },
    fileExists: path => ['src/totals.ts', 'src/tax.ts'].includes(path),
    readFile: path => files.get(path),
  });
  const found = parsed.kind === 'ok' ? parsed.warnings : parsed.problems;
  return [
    parsed.kind === 'ok' ? ['ok'] : [],
    found.map(problem => `${problem.code.replace('FAAS_MANIFEST_', '')} ${printProblem(problem)}`),
  ]
    .flat()
    .join('\n');
}
