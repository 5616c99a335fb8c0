import type { ApiPorts } from './api-ports.ts';
import { deadLetterRoutes } from './dead-letter-routes.ts';
import { deploymentRoutes } from './deployment-routes.ts';
import { functionRoutes } from './function-routes.ts';
import { historyRoutes } from './history-routes.ts';
import { invokeRoutes } from './invoke-routes.ts';
import type { LiveBoard } from './live-board.ts';
import { liveRoutes } from './live-routes.ts';
import { offsetRoutes } from './offset-routes.ts';
import type { OpenLetters } from './open-letters.ts';
import { parkedRoutes } from './parked-routes.ts';
import { replayRoutes } from './replay-routes.ts';
import type { Route } from './route.ts';
import { scaleRoutes } from './scale-routes.ts';
import { serverRoutes } from './server-routes.ts';
import { sessionRoutes } from './session-routes.ts';
import type { Sessions } from './sessions.ts';
import { stateRoutes } from './state-routes.ts';
import { streamRoutes } from './stream-routes.ts';
import { tuneRoutes } from './tune-routes.ts';

/** Every route under /v1. */
export function allRoutes(
  ports: ApiPorts,
  { board, sessions, letters }: { readonly board: LiveBoard; readonly sessions: Sessions; readonly letters: OpenLetters },
): readonly Route[] {
  const byNoun = [
    scaleRoutes,
    tuneRoutes,
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
  return [
    ...functionRoutes(ports, letters),
    ...byNoun.flatMap(routesOf => routesOf(ports)),
    ...liveRoutes(ports, board),
    ...sessionRoutes(ports, sessions),
  ];
}
