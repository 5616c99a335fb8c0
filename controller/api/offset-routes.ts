import { goneTopics, moveOffsets, readOffsets } from '../functions/move-offsets.ts';
import type { ApiPorts } from './api-ports.ts';
import { FunctionParams, MoveOffsetsAnswer, MoveOffsetsRequest, OffsetsAnswer } from './contract.ts';
import { findFunction } from './find-unit.ts';
import { resolveOne } from './function-backlog.ts';
import { defineRoute, type Route } from './route.ts';

const tag = 'offsets';

/** Where a function stands in its streams, and moving it elsewhere. */
export function offsetRoutes(ports: ApiPorts): readonly Route[] {
  const show = defineRoute({
    method: 'GET',
    path: 'offsets',
    tag,
    summary: 'Where a function stands in each partition of its streams',
    params: FunctionParams,
    answer: OffsetsAnswer,
    handle: async ({ params }) => {
      const live = await resolveOne(ports, await findFunction(ports.registry, params));
      return { partitions: [...(await readOffsets(ports, live))], goneTopics: [...(await goneTopics(ports, live))] };
    },
  });
  const move = defineRoute({
    method: 'POST',
    path: 'offsets',
    tag,
    summary: 'Lets a function go on elsewhere in its streams; it is held while that is done',
    params: FunctionParams,
    body: MoveOffsetsRequest,
    answer: MoveOffsetsAnswer,
    handle: async ({ params, body: { to, stream, partition, allowRewind = false } }) => {
      const live = await resolveOne(ports, await findFunction(ports.registry, params));
      const { moves, again, skipped, clamped, backMs } = await ports.deployments.exclusively(() =>
        moveOffsets(ports, live, { to, stream, partition, allowRewind }),
      );
      return { partitions: [...moves], again, skipped, clamped, ...(backMs !== undefined && { backMs: Math.round(backMs) }) };
    },
  });
  return [show, move];
}
