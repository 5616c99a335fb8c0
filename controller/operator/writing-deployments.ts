import type { Deployments, DeployResult } from '../functions/deployments.ts';
import { unitOf } from '../functions/live-function.ts';
import type { Resources } from '../ports/resources.ts';
import type { Log } from '../telemetry/log.ts';
import { resourcesOf } from './resource-manifest.ts';

/**
 * Deployments that are also written to the cluster: first what is live is changed, then the resources say the same, which changes nothing more. A roll-back is
 * not written: the resource stays what somebody wished, and its status tells what is live.
 */
export function writingDeployments(
  deployments: Deployments,
  { resources, log }: { readonly resources: Resources; readonly log: Log },
): Deployments {
  return {
    ...deployments,
    async deploy(spec, bundles) {
      const result = await deployments.deploy(spec, bundles);
      if (result.kind === 'refused') return result;
      try {
        for (const resource of resourcesOf(spec, bundles)) await resources.apply(resource);
        for (const { unit, change } of result.functions) if (change === 'removed') await resources.remove('Function', unit);
        return result;
      } catch (error) {
        return { ...result, warnings: [...result.warnings, notWritten(log, spec.context, error)] };
      }
    },
    async remove(context, functionName, options) {
      const result = await deployments.remove(context, functionName, options);
      for (const unit of result.kind === 'removed' ? result.units : []) await resources.remove('Function', unit);
      if (functionName === undefined) await resources.remove('Context', context);
      else await resources.remove('Function', unitOf(context, functionName));
      return result;
    },
  } satisfies Deployments;
}

function notWritten(log: Log, context: string, error: unknown): Extract<DeployResult, { kind: 'deployed' }>['warnings'][number] {
  log.warn('what was deployed could not be written to the cluster', { context, error: String(error) });
  return `it is live, but the resources of ${context} could not be written: ${String(error)}; deploy again when the cluster answers`;
}
