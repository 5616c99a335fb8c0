import type { Conditions } from '../conditions/conditions.ts';
import { FaasError } from '../errors.ts';
import type { PodTrouble } from '../ports/pods.ts';

/** Of what keeps pods from starting, each function hears that has fewer than it was granted. `missing`: by unit, of all that there are. */
export function tellPodsMissing(
  conditions: Conditions,
  missing: ReadonlyMap<string, boolean>,
  trouble: PodTrouble | undefined,
  startError: unknown,
): void {
  const found = trouble ?? (startError === undefined ? undefined : findingOf(startError));
  for (const [unit, isMissing] of missing) {
    const at = { unit, type: 'PodsMissing', place: '' } as const;
    if (!isMissing || found === undefined) conditions.clear(at);
    else conditions.raise({ ...at, reason: found.reason, message: found.message });
  }
}

function findingOf(error: unknown): { reason: string; message: string } {
  if (!(error instanceof FaasError)) return { reason: 'StartFailed', message: String(error) };
  return { reason: error.code, message: error.hint === undefined ? error.message : `${error.message}. ${error.hint}` };
}
