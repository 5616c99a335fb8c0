import type { Deployments, DeployResult } from '../functions/deployments.ts';
import { unitOf } from '../functions/live-function.ts';
import { deleteStateAnnotation, type Resources } from '../ports/resources.ts';
import type { Log } from '../telemetry/log.ts';
import { resourcesOf } from './resource-manifest.ts';

/**
 * Deployments that are also written to the cluster. What comes is made live first, then the resources say the same, which changes nothing more; what goes is
 * taken out of the cluster first, or the operator would find a wish that is not live, and fulfil it. A roll-back is not written: the resource stays what
 * somebody wished, and its status tells what is live.
 */
export function writingDeployments(
  deployments: Deployments,
  { resources, log }: { readonly resources: Resources; readonly log: Log },
): Deployments {
  return {
    ...deployments,
    async deploy(spec, bundles) {
      const result = await deployments.deploy(spec, bundles, { withdraw: units => removeFunctions(resources, units) });
      if (result.kind === 'refused') return result;
      try {
        for (const resource of resourcesOf(spec, bundles)) await resources.apply(resource);
        return result;
      } catch (error) {
        return { ...result, warnings: [...result.warnings, notWritten(log, spec.context, error)] };
      }
    },
    async remove(context, functionName, { state }) {
      const withdraw = async () => {
        const units = functionName === undefined ? await resources.functionsOf(context) : [unitOf(context, functionName)];
        // Should this server end here, the operator ends what was begun, with the state.
        if (state) for (const unit of units) await resources.annotate('Function', unit, { [deleteStateAnnotation]: 'true' });
        await removeFunctions(resources, units);
        if (functionName === undefined) await resources.remove('Context', context);
      };
      const result = await deployments.remove(context, functionName, { state, withdraw });
      if (result.kind !== 'unknown' || functionName === undefined) return result;
      // A wish that was never fulfilled is there all the same.
      const unit = unitOf(context, functionName);
      if (!(await resources.functionsOf(context)).includes(unit)) return result;
      await removeFunctions(resources, [unit]);
      return { kind: 'removed', units: [unit] };
    },
  } satisfies Deployments;
}

async function removeFunctions(resources: Resources, units: readonly string[]): Promise<void> {
  for (const unit of units) await resources.remove('Function', unit);
}

function notWritten(log: Log, context: string, error: unknown): Extract<DeployResult, { kind: 'deployed' }>['warnings'][number] {
  log.warn('what was deployed could not be written to the cluster', { context, error: String(error) });
  return `it is live, but the resources of ${context} could not be written: ${String(error)}; deploy again when the cluster answers`;
}
