import { checkAgainst } from '../manifest/check-against.ts';
import type { ContextSpec, FunctionSpec, TriggerSpec } from '../manifest/spec.ts';
import type { DeployProblem } from './deployments.ts';
import { unitOf } from './live-function.ts';

/** What depends on how a server was started. */
export interface ServerAbilities {
  /** Its state store tells when something is on disk. */
  readonly keepsStrict: boolean;
  /** It has a cluster whose resources can be watched. */
  readonly watchesResources: boolean;
}

/** What a manifest alone cannot know: the other contexts, and what this version of the runtime can do. All problems at once. */
export function checkDeployment(spec: ContextSpec, deployed: readonly ContextSpec[], abilities: ServerAbilities): readonly DeployProblem[] {
  const others = deployed.filter(other => other.context !== spec.context);
  return [...checkAgainst(spec, others), ...spec.functions.flatMap(one => notThereYet(unitOf(spec.context, one.name), one, abilities))];
}

function notThereYet(unit: string, spec: FunctionSpec, abilities: ServerAbilities): readonly DeployProblem[] {
  const problems: DeployProblem[] = spec.on.flatMap(trigger => unsupportedTrigger(unit, trigger, abilities));
  if (spec.durability === 'strict' && !abilities.keepsStrict) {
    problems.push({
      unit,
      code: 'FAAS_NOT_SUPPORTED',
      message: 'durability: strict needs a state store that tells when something is on disk',
      hint: 'Use Redis 7.2 or newer, or a single one with appendfsync always; or leave `durability` out.',
    });
  }
  return problems;
}

function unsupportedTrigger(unit: string, trigger: TriggerSpec, { watchesResources }: ServerAbilities): readonly DeployProblem[] {
  if (trigger.kind === 'resource' && !watchesResources) {
    return [
      {
        unit,
        code: 'FAAS_NOT_SUPPORTED',
        message: 'resource triggers need a cluster, and this server has none',
        hint: 'Start it with --kubernetes-kubeconfig, or remove the trigger.',
      },
    ];
  }
  return [];
}
