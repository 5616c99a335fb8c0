import { canonicalJson } from './canonical-json.ts';
import { parseManifest } from './parse-manifest.ts';
import { printManifest } from './print-manifest.ts';
import type { Problem } from './problem.ts';
import type { ContextSpec } from './spec.ts';

/**
 * Whether a spec that came from elsewhere than `parseManifest` (an API request) is one that it could have made: it is printed, parsed again and
 * compared, so no rule is written twice. Files are not looked at. Positions refer to the printed manifest.
 */
export function checkSpec(spec: ContextSpec): readonly Problem[] {
  const parsed = parseManifest(printManifest(spec), { file: 'spec', env: {}, fileExists: () => true, readFile: () => undefined });
  if (parsed.kind === 'problems') return parsed.problems;
  if (canonicalJson(parsed.spec) === canonicalJson(spec)) return [];
  const message = 'the specification is not in the form that the manifest gives it';
  return [
    {
      code: 'FAAS_MANIFEST_BAD_VALUE',
      file: 'spec',
      line: 1,
      column: 1,
      message,
      hint: 'Deploy the manifest with the faas CLI of this version.',
    },
  ];
}
