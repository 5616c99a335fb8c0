import { FaasError } from '../errors.ts';
import { unitOf } from '../functions/live-function.ts';
import { didYouMean } from '../manifest/nearest.ts';
import type { ContextRecord, FunctionRecord, Registry } from '../ports/registry.ts';
import type { FunctionParams } from './contract.ts';

/** The live function that a path names. FAAS_FUNCTION_UNKNOWN, with the nearest name, when there is none. */
export async function findFunction(registry: Registry, params: FunctionParams): Promise<FunctionRecord> {
  const unit = unitOf(params.context, params.function);
  const functions = await registry.functions();
  const found = functions.find(one => one.unit === unit);
  if (found !== undefined) return found;
  const names = functions.map(one => one.unit);
  throw new FaasError(
    'FAAS_FUNCTION_UNKNOWN',
    `there is no function ${unit}`,
    didYouMean(unit, names) ?? 'List all of them with "faas list".',
  );
}

export async function findContext(registry: Registry, name: string): Promise<ContextRecord> {
  const found = await registry.context(name);
  if (found !== undefined) return found;
  const names = (await registry.contexts()).map(record => record.spec.context);
  throw new FaasError(
    'FAAS_CONTEXT_UNKNOWN',
    `there is no context ${name}`,
    didYouMean(name, names) ?? 'List all functions with "faas list".',
  );
}
