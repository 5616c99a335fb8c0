import type { Clock } from '../clock.ts';
import type { Deployments } from '../functions/deployments.ts';
import type { ClusterObject, Objects } from '../ports/objects.ts';
import type { Registry } from '../ports/registry.ts';
import type { Resources } from '../ports/resources.ts';
import type { Overrides } from '../scale/overrides.ts';
import type { Log } from '../telemetry/log.ts';
import type { FunctionFigures } from './resource-status.ts';

export interface OperatorOptions {
  readonly objects: Objects;
  readonly resources: Resources;
  readonly registry: Pick<Registry, 'context' | 'functions' | 'putBundle'>;
  readonly deployments: Pick<Deployments, 'exclusively' | 'remove'>;
  readonly overrides: Pick<Overrides, 'of' | 'set'>;
  /** All live functions as they are now. */
  readonly figures: () => Promise<readonly FunctionFigures[]>;
  readonly clock: Clock;
  readonly log: Log;
}

/** The resources of one context. */
export interface HeldResources {
  readonly context: ClusterObject | undefined;
  /** By name within the context. */
  readonly functions: ReadonlyMap<string, ClusterObject>;
}
