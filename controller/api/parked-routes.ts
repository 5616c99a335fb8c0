import { unpackParked } from '../dispatch/parked-entry.ts';
import type { ParkedKeyAt } from '../ports/state.ts';
import type { ApiPorts } from './api-ports.ts';
import {
  FunctionParams,
  ParkedAnswer,
  ReplayParkedRequest as ReplayBody,
  ReplayParkedAnswer,
  type ReplayParkedRequest,
} from './contract.ts';
import { findFunction } from './find-unit.ts';
import { defineRoute, type Route } from './route.ts';

const tag = 'parked keys';

/** Keys that are held back behind an event that is out of attempts (`onExhausted: park`). */
export function parkedRoutes(ports: ApiPorts): readonly Route[] {
  const list = defineRoute({
    method: 'GET',
    path: 'parked',
    tag,
    summary: 'Keys of a function that are held back, and why',
    params: FunctionParams,
    answer: ParkedAnswer,
    handle: async ({ params }) => {
      const { unit } = await findFunction(ports.registry, params);
      const parked = await ports.state.parked(unit);
      return { keys: await Promise.all(parked.map(key => keyOf(ports, unit, key))) };
    },
  });
  const replay = defineRoute({
    method: 'POST',
    path: 'replayParked',
    tag,
    summary: 'Runs the held events of keys again, in order; the key is free when all have gone well',
    params: FunctionParams,
    body: ReplayBody,
    answer: ReplayParkedAnswer,
    handle: async ({ params, body }) => ask(ports, (await findFunction(ports.registry, params)).unit, body),
  });
  return [list, replay];
}

async function keyOf(
  { state }: ApiPorts,
  unit: string,
  { source, key, events, replay }: ParkedKeyAt,
): Promise<ParkedAnswer['keys'][number]> {
  const [first] = await state.parkedEvents({ unit, name: source }, key, 1);
  const facts = first === undefined ? undefined : unpackParked(first.entry).facts;
  if (first === undefined || facts?.doom === undefined) return { source, key, events, replay };
  const { code, name, message, stack } = facts.doom.error;
  const error = { code, name, message, ...(stack !== undefined && { stack }) };
  const { heldAtMs, revision } = facts;
  return { source, key, events, replay, head: { offset: first.offset, reason: facts.doom.reason, error, heldAtMs, revision } };
}

/** The owners of the sources look for it every other second. */
async function ask({ state }: ApiPorts, unit: string, body: ReplayParkedRequest): Promise<ReplayParkedAnswer> {
  const parked = await state.parked(unit);
  const wanted = 'all' in body ? undefined : new Set(body.keys);
  const asked = new Set<string>();
  for (const { source, key } of parked) {
    if (wanted?.has(key) === false) continue;
    if ((await state.replayParked({ unit, name: source }, key)) === 'ok') asked.add(key);
  }
  return { asked: [...asked], missing: [...(wanted ?? [])].filter(key => !asked.has(key)) };
}
