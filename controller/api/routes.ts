import type { ApiPorts } from './api-ports.ts';
import { deploymentRoutes } from './deployment-routes.ts';
import { functionRoutes } from './function-routes.ts';
import type { Route } from './route.ts';
import { stateRoutes } from './state-routes.ts';
import { versionRoutes } from './version-routes.ts';

/** Every route under /v1. */
export function allRoutes(ports: ApiPorts): readonly Route[] {
  return [...versionRoutes(ports), ...functionRoutes(ports), ...deploymentRoutes(ports), ...stateRoutes(ports)];
}
