import type { ContextSpec } from '../manifest/spec.ts';
import type { DeployRequest } from './contract.ts';
import type { AsJson } from './spec-schema.ts';

/** The schema of the request has checked it; a member that JSON leaves out is one that is undefined in a specification. */
export function parseSpec(spec: DeployRequest['spec']): ContextSpec {
  return spec as ContextSpec;
}

/** What JSON makes of it, which is what a client gets. */
export function printSpec<T extends object>(spec: T): AsJson<T> {
  return JSON.parse(JSON.stringify(spec));
}
