import { checkAgainst } from '../manifest/check-against.ts';
import type { ContextSpec, FunctionSpec, TriggerSpec } from '../manifest/spec.ts';
import type { StateCapabilities } from '../ports/state.ts';
import type { DeployProblem } from './deployments.ts';
import { unitOf } from './live-function.ts';

/** What a manifest alone cannot know: the other contexts, and what this version of the runtime can do. All problems at once. */
export function checkDeployment(
  spec: ContextSpec,
  deployed: readonly ContextSpec[],
  state: Pick<StateCapabilities, 'keepsStrict'>,
): readonly DeployProblem[] {
  const others = deployed.filter(other => other.context !== spec.context);
  return [...checkAgainst(spec, others), ...spec.functions.flatMap(one => notThereYet(unitOf(spec.context, one.name), one, state))];
}

function notThereYet(unit: string, spec: FunctionSpec, state: Pick<StateCapabilities, 'keepsStrict'>): readonly DeployProblem[] {
  const problems: DeployProblem[] = spec.on.flatMap(trigger => unsupportedTrigger(unit, trigger));
  if (spec.durability === 'strict' && !state.keepsStrict) {
    problems.push({
      unit,
      code: 'FAAS_NOT_SUPPORTED',
      message: 'durability: strict needs a state store that tells when something is on disk',
      hint: 'Use Redis 7.2 or newer, or a single one with appendfsync always; or leave `durability` out.',
    });
  }
  return problems;
}

function unsupportedTrigger(unit: string, trigger: TriggerSpec): readonly DeployProblem[] {
  if (trigger.kind === 'resource') {
    return [
      {
        unit,
        code: 'FAAS_NOT_SUPPORTED',
        message: 'resource triggers need the Kubernetes adapter, which is not there yet',
        hint: 'Remove the trigger, or feed the changes through a stream or a webhook.',
      },
    ];
  }
  if (trigger.kind === 'lag') {
    return [
      {
        unit,
        code: 'FAAS_NOT_SUPPORTED',
        message: 'lag triggers are not supported yet',
        hint: 'Remove the trigger; `faas lag` shows the figures in the meantime.',
      },
    ];
  }
  return [];
}
