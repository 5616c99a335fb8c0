import type { ApiPorts } from './api-ports.ts';
import { deadLetterRoutes } from './dead-letter-routes.ts';
import { deploymentRoutes } from './deployment-routes.ts';
import { functionRoutes } from './function-routes.ts';
import { historyRoutes } from './history-routes.ts';
import { invokeRoutes } from './invoke-routes.ts';
import type { LiveBoard } from './live-board.ts';
import { liveRoutes } from './live-routes.ts';
import { offsetRoutes } from './offset-routes.ts';
import { parkedRoutes } from './parked-routes.ts';
import { replayRoutes } from './replay-routes.ts';
import type { Route } from './route.ts';
import { scaleRoutes } from './scale-routes.ts';
import { serverRoutes } from './server-routes.ts';
import { sessionRoutes } from './session-routes.ts';
import type { Sessions } from './sessions.ts';
import { stateRoutes } from './state-routes.ts';
import { streamRoutes } from './stream-routes.ts';

/** Every route under /v1. */
export function allRoutes(
  ports: ApiPorts,
  { board, sessions }: { readonly board: LiveBoard; readonly sessions: Sessions },
): readonly Route[] {
  const byNoun = [
    functionRoutes,
    scaleRoutes,
    invokeRoutes,
    deploymentRoutes,
    streamRoutes,
    stateRoutes,
    deadLetterRoutes,
    offsetRoutes,
    replayRoutes,
    parkedRoutes,
    historyRoutes,
    serverRoutes,
  ];
  return [...byNoun.flatMap(routesOf => routesOf(ports)), ...liveRoutes(ports, board), ...sessionRoutes(ports, sessions)];
}
